/** The verifier alone: plain TypeScript, no kernel, no file system; it runs in a browser. */
export { decodeCommitment, decodeProof, digestOf, type ModelCommitment, type Statement } from './proof/files.ts'
export { type RenewalVerdict, verifyRenewal } from './proof/renewal.ts'
export { type Expectation, type Verdict, verify } from './proof/verify.ts'
