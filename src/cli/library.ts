/** The verbs' work, by the library. Loaded only when a verb runs, so that --help and bad flags need no kernel. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { InputError } from '../errors.ts'
import { readConfig } from '../import/config.ts'
import { calibrateModel } from '../models/integer/calibrate-model.ts'
import { estimate } from '../models/integer/estimate.ts'
import { build, sequenceOf } from '../models/integer/program.ts'
import { decodeCommitment, decodeProof, digestOf, type Statement } from '../proof/files.ts'
import { Rejection } from '../proof/rejection.ts'
import { setUp } from '../proof/setup.ts'
import { verifyRenewal } from '../proof/renewal.ts'
import { verify as verifyProof } from '../proof/verify.ts'
import { load, stageHook } from '../prover.ts'
import { proveRun } from '../proof/prove.ts'
import type { Api, DemoResult, Explanation, Job } from './api.ts'
import { explainClassification, explainWindow, kindOf } from './explain-training.ts'
import { duration, size, table } from './output.ts'

const peakMemory = (): number => process.resourceUsage().maxRSS * 1024

const sum = (seconds: Readonly<Record<string, number>>): number =>
  Object.values(seconds).reduce((a, b) => a + b, 0)

/** A commitment file that the caller supplied: a bad one is bad input here, not a rejected proof. */
const readCommitment = (bytes: Uint8Array) => {
  try {
    return decodeCommitment(bytes)
  } catch (error) {
    if (error instanceof Rejection)
      throw new InputError(error.at, 'a commitment file of this version', error.reason)
    throw error
  }
}

const tick = async (job: Job, stage: string, done: number, total: number): Promise<void> =>
  stageHook({ onProgress: p => job.onProgress(p), signal: job.signal })(stage, done, total)

export const inspect: Api['inspect'] = async ({ model }) => {
  const config = readConfig(join(model, 'config.json'))
  const positions = Math.min(64, config.maxPositions)
  const generated = Math.max(1, positions >> 1)
  const { operators, ...costs } = estimate(config, positions - generated + 1, generated, 256)
  return {
    family: config.family,
    parameters: costs.weights,
    layers: config.layers,
    supported: true,
    operators: Object.entries(operators).map(([name, count]) => `${name} x${count}`),
    estimated_for: `${positions} positions, ${generated} generated tokens, 2 cores`,
    ...costs,
  }
}

export const calibrate: Api['calibrate'] = async ({ model, text, output, bits }, job) =>
  calibrateModel(model, text, output, { bits, signal: job.signal, onProgress: p => job.onProgress(p) })

export const commit: Api['commit'] = async ({ model, seed, openings }, job) => {
  await tick(job, 'load', 0, 1)
  const loaded = load(model)
  await tick(job, 'commit', 0, 1)
  const start = performance.now()
  const { file, digest } = loaded.commit({ seed, openings })
  await tick(job, 'commit', 1, 1)
  return {
    bytes: file,
    digest: hexToBytes(digest),
    commit_seconds: (performance.now() - start) / 1000,
    openings,
  }
}

export const generate: Api['generate'] = async ({ model, prompt, maxNewTokens }, job) => {
  const loaded = load(model)
  const promptTokens = [...loaded.tokens(prompt)]
  const run = await loaded.integer.generate(promptTokens, maxNewTokens, done =>
    tick(job, 'generate', done, maxNewTokens),
  )
  const tokens = [...run.generated]
  return { text: loaded.tokenizer.decode(tokens), promptTokens, tokens }
}

export const prove: Api['prove'] = async (request, job) => {
  await tick(job, 'load', 0, 1)
  const { weights } = readCommitment(request.commitment)
  if (digestOf(request.commitment) !== bytesToHex(request.digest)) {
    throw new InputError('commitment', 'the file that the private state belongs to', 'another one')
  }
  const loaded = load(request.model)
  const promptTokens = [...loaded.tokens(request.prompt)]
  const run = await loaded.integer.generate(promptTokens, request.maxNewTokens, done =>
    tick(job, 'generate', done, request.maxNewTokens),
  )
  // Refuses what cannot be proven before an opening is spent.
  setUp(build(loaded.integer.description, sequenceOf(run.prompt, run.generated)).program, {
    weights: weights.shape,
  })
  const opening = request.reserve()
  await tick(job, 'commit', 0, 1)
  const start = performance.now()
  const target = loaded.reopen(request.commitment, opening.seed)
  const commitSeconds = (performance.now() - start) / 1000
  await tick(job, 'commit', 1, 1)
  const proof = await proveRun(target, run, {
    privatePrompt: request.privateInput,
    onStage: (stage, done, total) => tick(job, stage, done, total),
  })
  const tokens = [...run.generated]
  return {
    bytes: proof.file,
    text: loaded.tokenizer.decode(tokens),
    promptTokens,
    tokens,
    prove_seconds: sum(proof.seconds),
    commit_seconds: commitSeconds,
    proof_bytes: proof.file.length,
    peak_memory_bytes: peakMemory(),
    security_bits: proof.setup.soundness.bits,
    lookups: proof.setup.lookups.used,
    committed_values: proof.setup.layouts.witness.length,
    breakdown: proof.seconds,
  }
}

export const refresh: Api['refresh'] = async (request, job) => {
  readCommitment(request.commitment)
  if (digestOf(request.commitment) !== bytesToHex(request.digest)) {
    throw new InputError('commitment', 'the file that the private state belongs to', 'another one')
  }
  await tick(job, 'load', 0, 1)
  const model = load(request.model)
  const opening = request.reserve()
  await tick(job, 'commit', 0, 2)
  model.reopen(request.commitment, opening.seed)
  await tick(job, 'commit', 1, 2)
  const start = performance.now()
  const { file, digest } = await model.renew({ seed: request.seed, openings: request.openings })
  await tick(job, 'commit', 2, 2)
  return {
    bytes: file,
    digest: hexToBytes(digest),
    renew_seconds: (performance.now() - start) / 1000,
    openings: request.openings,
  }
}

const words = (statement: Statement): string => {
  const hidden = statement.prompt.includes(null)
  const prompt = hidden
    ? `a private prompt of ${statement.prompt.length} tokens`
    : `the prompt of tokens ${statement.prompt.join(' ')}`
  return `The model committed to as ${statement.commitment}, run in integers on ${prompt}, chose greedily the tokens ${statement.generated.join(' ')}.`
}

/** A renewed commitment instead of a proof: does it hide the same weights as the one given? */
const verifyNewCommitment = (
  renewed: Uint8Array,
  commitment: Uint8Array,
): Awaited<ReturnType<Api['verify']>> => {
  const start = performance.now()
  const verdict = verifyRenewal(renewed, commitment)
  const verify_seconds = (performance.now() - start) / 1000
  if (!verdict.ok) return { ...verdict, verify_seconds }
  return {
    ok: true,
    at: null,
    reason: null,
    verify_seconds,
    security_bits: verdict.securityBits,
    statement: `The commitment ${digestOf(renewed)} hides the same weights as ${digestOf(commitment)}${verdict.complete ? ', which is the first of its chain' : `, which renews another one: verify that, too, down to ${verdict.original}`}.`,
    original: verdict.original,
  }
}

/** Whether a commitment is that of a training state, and so its proofs are of classifications. */
const isStateCommitment = (commitment: Uint8Array): boolean => {
  const text = Buffer.from(commitment.buffer, commitment.byteOffset, Math.min(commitment.length, 1 << 16))
  return text[0] === '{'.charCodeAt(0) && text.includes('"format":"proofmark-training-commitment"')
}

export const verify: Api['verify'] = async ({ proof, commitment }) => {
  if (isStateCommitment(commitment))
    return (await import('./classification.ts')).verifyClasses(proof, commitment)
  // A commitment file is JSON, a proof file is not.
  if (proof[0] === '{'.charCodeAt(0)) return verifyNewCommitment(proof, commitment)
  const start = performance.now()
  const verdict = verifyProof(proof, commitment)
  const verify_seconds = (performance.now() - start) / 1000
  if (!verdict.ok) return { ...verdict, verify_seconds }
  const { statement, securityBits } = verdict
  return {
    ok: true,
    at: null,
    reason: null,
    verify_seconds,
    security_bits: securityBits,
    statement: words(statement),
    prompt: [...statement.prompt],
    generated: [...statement.generated],
    commitment: statement.commitment,
  }
}

/** Bytes by the kind of part, and the soundness table: both need the commitment, and come from a verification. */
const dissect = (proof: Uint8Array, commitment: Uint8Array): { lines: string[]; report: object } => {
  const parts = new Map<string, number>()
  const verdict = verifyProof(proof, commitment, {}, (tag, length) => {
    const part = partOf(tag)
    parts.set(part, (parts.get(part) ?? 0) + length)
  })
  const bytes = [...parts].map(([part, count]) => [part, size(count)] as const)
  if (!verdict.ok) {
    return {
      lines: [table(bytes), '', `REJECTED at ${verdict.at}: ${verdict.reason}`],
      report: { ok: false, at: verdict.at, reason: verdict.reason, parts: Object.fromEntries(parts) },
    }
  }
  const rows = verdict.soundness.rows.map(
    r =>
      [
        r.step,
        `${(r.bits + r.powBits).toFixed(1)} bits${r.powBits > 0 ? ` (${r.powBits} by proof of work)` : ''}`,
      ] as const,
  )
  return {
    lines: ['Bytes', table(bytes), '', 'Security, round by round', table(rows), '', 'ACCEPTED'],
    report: {
      ok: true,
      parts: Object.fromEntries(parts),
      security_bits: verdict.securityBits,
      soundness: verdict.soundness.rows,
    },
  }
}

const partOf = (tag: string): string => {
  if (tag.startsWith('lookup')) return 'lookups (masked)'
  if (tag.startsWith('relations')) return 'relations (masked)'
  if (tag.startsWith('products')) return 'pad products'
  if (tag.startsWith('opening/weights')) return 'columns of the weights'
  if (tag.startsWith('opening/witness')) return 'columns of the witness'
  if (tag.startsWith('opening/chain')) return 'folding chain'
  if (tag.startsWith('opening/final')) return 'last vector'
  if (tag.startsWith('opening')) return 'opening sumcheck'
  return 'roots and proofs of work'
}

export const explain: Api['explain'] = async ({ proof, commitment }) => {
  let decoded: ReturnType<typeof decodeProof>
  try {
    const kind = kindOf(proof)
    if (kind === 'training') return explainWindow(proof)
    if (kind === 'classification') return explainClassification(proof, commitment)
    decoded = decodeProof(proof)
  } catch (error) {
    if (error instanceof Rejection)
      throw new InputError(error.at, 'a proof file of this version', error.reason)
    throw error
  }
  const { statement, header, body } = decoded
  const hidden = statement.prompt.includes(null)
  const parts = commitment ? dissect(proof, commitment) : undefined
  const explanation: Explanation = {
    lines: [
      words(statement),
      '',
      'It does not say who owns the model, what it was trained on, or whether the answer is true.',
      `It hides the weights and every activation${hidden ? ', and the prompt' : ''}; it reveals the architecture, the scales, the number of tokens, and what is above.`,
      '',
      `statement  ${size(header.length)}`,
      `proof      ${size(body.length)}`,
      '',
      ...(parts?.lines ?? [
        'Nothing was checked. With --commitment FILE, explain verifies and lists parts and security.',
      ]),
    ],
    statement,
    statement_bytes: header.length,
    proof_bytes: body.length,
    ...parts?.report,
  }
  return explanation
}

const DEMO_PROMPT = 'ROMEO:\nBut soft, what light'
const DEMO_TOKENS = 32

/** Runs the built command line's own `verify` in another process. */
const verifyElsewhere = (proof: string, commitment: string): Promise<{ ok: boolean; output: string }> =>
  new Promise((resolve, reject) => {
    const main = fileURLToPath(new URL('./main.js', import.meta.url))
    const child = spawn(process.execPath, [main, 'verify', proof, '--commitment', commitment, '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.on('data', chunk => {
      output += chunk
    })
    child.on('error', reject)
    child.on('close', code => resolve({ ok: code === 0, output }))
  })

export const demo: Api['demo'] = async job => {
  const dir = fileURLToPath(new URL('../../models/demo', import.meta.url))
  const model = load(dir)
  await tick(job, 'commit', 0, 1)
  const committing = performance.now()
  const { file } = model.commit()
  const commitSeconds = (performance.now() - committing) / 1000
  const answer = await model.prove(
    { prompt: DEMO_PROMPT, maxNewTokens: DEMO_TOKENS },
    { onProgress: p => job.onProgress(p), signal: job.signal },
  )
  const { generate: generateSeconds = 0, ...stages } = answer.seconds
  const folder = mkdtempSync(join(tmpdir(), 'proofmark-demo-'))
  try {
    const proofPath = join(folder, 'answer.proof')
    const commitmentPath = join(folder, 'demo.commitment')
    writeFileSync(commitmentPath, file)
    writeFileSync(proofPath, answer.proof)
    const accepted = await verifyElsewhere(proofPath, commitmentPath)
    const verdict = JSON.parse(accepted.output) as { verify_seconds?: number; at?: string; reason?: string }
    // The same proof with one bit flipped must not verify.
    const tampered = answer.proof.slice()
    const last = tampered.length - 1
    tampered[last] = (tampered[last] ?? 0) ^ 1
    writeFileSync(proofPath, tampered)
    const rejected = await verifyElsewhere(proofPath, commitmentPath)
    const reason = JSON.parse(rejected.output) as { at?: string; reason?: string }
    const result: DemoResult = {
      ok: accepted.ok && !rejected.ok,
      lines: [
        `prompt     ${JSON.stringify(DEMO_PROMPT)}`,
        `answer     ${JSON.stringify(answer.text)}`,
        '',
        `commit     ${duration(commitSeconds)} once for the model`,
        `generate   ${duration(generateSeconds)} for ${answer.tokens.length} tokens`,
        `prove      ${duration(sum(stages))}`,
        `proof      ${size(answer.proof.length)}`,
        `security   ${answer.securityBits.toFixed(1)} bits, proven round by round`,
        `verify     ${accepted.ok ? 'ACCEPTED' : `REJECTED at ${verdict.at}: ${verdict.reason}`} in ${duration(verdict.verify_seconds ?? 0)}, in a separate process`,
        `tampered   ${rejected.ok ? 'ACCEPTED (a bug!)' : `REJECTED at ${reason.at}: ${reason.reason}`}`,
      ],
      tokens: answer.tokens,
      text: answer.text,
      prove_seconds: sum(stages),
      generate_seconds: generateSeconds,
      commit_seconds: commitSeconds,
      verify_seconds: verdict.verify_seconds,
      proof_bytes: answer.proof.length,
      peak_memory_bytes: peakMemory(),
      security_bits: answer.securityBits,
      lookups: answer.lookups,
      committed_values: answer.committedValues,
      breakdown: answer.seconds,
    }
    return result
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
