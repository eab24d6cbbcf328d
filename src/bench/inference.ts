/** Proves one forward pass over a number of positions, every one of them generated but the first. */
import { loadBackend } from '../backend/index.ts'
import type { ModelConfig } from '../import/config.ts'
import { commitModel, proveRun } from '../proof/prove.ts'
import { verify } from '../proof/verify.ts'
import { newSeed } from '../state/state.ts'
import { randomModel } from './models.ts'

const seconds = (from: number): number => (performance.now() - from) / 1000

export const benchInference = async (config: ModelConfig, positions: number, openings = 64) => {
  const log = (text: string): void => void process.stderr.write(`${text}\n`)
  const backend = loadBackend()
  log('making random weights')
  const { description, weights } = randomModel(backend, config)
  let start = performance.now()
  log('committing to the weights')
  const target = commitModel(backend, description, weights, newSeed(), openings)
  const commitSeconds = seconds(start)
  start = performance.now()
  const run = await target.model.generate([1], positions)
  const generateSeconds = seconds(start)
  start = performance.now()
  const proof = await proveRun(target, run, {
    onStage: (stage, done) => (done === 0 ? log(stage) : undefined),
  })
  const proveSeconds = seconds(start)
  start = performance.now()
  const verdict = verify(proof.file, target.file)
  const verifySeconds = seconds(start)
  if (!verdict.ok) throw new Error(`rejected at ${verdict.at}: ${verdict.reason}`)
  return {
    positions,
    prove_seconds: proveSeconds,
    commit_seconds: commitSeconds,
    generate_seconds: generateSeconds,
    verify_seconds: verifySeconds,
    proof_bytes: proof.file.length,
    peak_memory_bytes: process.resourceUsage().maxRSS * 1024,
    security_bits: proof.setup.soundness.bits,
    lookups: proof.setup.lookups.used,
    committed_values: proof.setup.layouts.witness.length,
    weights: proof.setup.layouts.weights.length,
    row_length: 2 ** proof.setup.geometry.shape.logRow,
    breakdown: proof.seconds,
    bytes: bytesByPart(proof.fields),
  }
}

/** Bytes of a proof by the first part of their tags. */
export const bytesByPart = (fields: readonly { tag: string; length: number }[]): Record<string, number> => {
  const out: Record<string, number> = {}
  for (const { tag, length } of fields) {
    const part = tag.replace(/ \d+/, '')
    out[part] = (out[part] ?? 0) + length
  }
  return out
}
