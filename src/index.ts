/** Proofmark: zero-knowledge proofs for deep learning. */
export { load, Model, type Answer, type ProveInput, type ProveOptions, InputError, InternalError } from './prover.ts'
export * from './verifier.ts'
