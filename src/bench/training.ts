/** Trains one window in integers on random data, and proves it. */
import { randomBytes } from 'node:crypto'
import { bytesToHex } from '@noble/hashes/utils.js'
import { loadBackend } from '../backend/index.ts'
import { newSeed } from '../state/state.ts'
import { type TrainingConfig, trainingSchema } from '../train/config.ts'
import { gatherBatches } from '../train/data/batches.ts'
import type { Dataset } from '../train/data/dataset.ts'
import { initialState } from '../train/integer/state.ts'
import { runWindow } from '../train/integer/window.ts'
import { planNetwork } from '../train/network.ts'
import { commitData, commitState, proveWindow } from '../train/prove.ts'
import { verifyWindow } from '../train/verify.ts'
import { bytesByPart } from './inference.ts'

const seconds = (from: number): number => (performance.now() - from) / 1000

/**
 * `depth` square layers of `width` units, squared error; scales that keep updates exact in 16 low bits. The rate is the
 * smallest of this precision: with twice of it, 16 layers of 1024 units leave their ranges at the second step.
 */
export const deepMlp = (depth: number, width: number, batch: number, window: number): TrainingConfig =>
  trainingSchema.parse({
    input: { channels: width, height: 1, width: 1 },
    classes: width,
    layers: Array.from({ length: depth }, (_, l) => [
      { kind: 'dense', units: width },
      ...(l + 1 < depth ? [{ kind: 'relu' }] : []),
    ]).flat(),
    loss: 'squared-error',
    learningRate: { initial: batch / 8192 },
    batch,
    window,
    precision: {
      activationScale: 9,
      activationBits: 12,
      gradientScale: 9,
      gradientBits: 14,
      weightScale: 15,
      rateScale: 13,
    },
  })

export const lenet = (batch: number, window: number): TrainingConfig =>
  trainingSchema.parse({
    input: { channels: 1, height: 28, width: 28 },
    classes: 10,
    layers: [
      { kind: 'conv', channels: 6, kernel: 5, padding: 2 },
      { kind: 'relu' },
      { kind: 'averagePool', size: 2 },
      { kind: 'conv', channels: 16, kernel: 5 },
      { kind: 'relu' },
      { kind: 'averagePool', size: 2 },
      { kind: 'dense', units: 120 },
      { kind: 'relu' },
      { kind: 'dense', units: 84 },
      { kind: 'relu' },
      { kind: 'dense', units: 10 },
    ],
    loss: 'softmax-cross-entropy',
    learningRate: { initial: 0.125 },
    batch,
    window,
    precision: { rateScale: 10 },
  })

const randomData = (config: TrainingConfig, examples: number): Dataset => {
  const { input, classes } = config
  const count = examples * input.channels * input.height * input.width
  const noise = randomBytes(2 * count)
  // One pixel in eight is lit: dense bytes would give all examples one common direction.
  const pixels = Uint8Array.from({ length: count }, (_, i) =>
    (noise[2 * i] as number) < 32 ? (noise[2 * i + 1] as number) : 0,
  )
  const labels = Uint16Array.from({ length: examples }, (_, i) => i % classes)
  return { ...input, classes, pixels, labels }
}

export const benchTraining = async (config: TrainingConfig, examples: number, openings = 8) => {
  const log = (text: string): void => void process.stderr.write(`${text}\n`)
  const backend = loadBackend()
  const network = planNetwork(config)
  const steps = config.window
  // A run's second window: the first one bounds the initial weights besides.
  const firstStep = steps
  const dataset = randomData(config, examples)
  const samplingSeed = new Uint8Array(randomBytes(32))
  log('committing to the data and the first state')
  let start = performance.now()
  const data = commitData(backend, config, dataset, newSeed(), openings)
  const before = initialState(network, config, 1)
  const first = commitState(backend, config, before, data.file, newSeed(), openings)
  const setupSeconds = seconds(start)
  log('training')
  start = performance.now()
  const spec = { config, examples, seed: samplingSeed, firstStep, steps }
  const batches = gatherBatches(spec, dataset, network.features)
  const run = runWindow(backend, config, network, before, batches, firstStep, steps, { weights: true })
  const trainSeconds = seconds(start)
  log('committing to the next state')
  start = performance.now()
  const cpu = process.cpuUsage()
  const next = commitState(backend, config, run.next, data.file, newSeed(), openings)
  const commitSeconds = seconds(start)
  const proof = await proveWindow(
    backend,
    {
      config,
      examples,
      samplingSeed,
      firstStep,
      steps,
      data: { commitment: data, dataset },
      before: { commitment: first, state: before },
      after: { commitment: next, state: run.next },
      values: run.values,
    },
    { onStage: (stage, done) => (done === 0 ? log(stage) : undefined) },
  )
  const proveSeconds = seconds(start)
  const { user, system } = process.cpuUsage(cpu)
  start = performance.now()
  const statement = { config, examples, samplingSeed: bytesToHex(samplingSeed), steps: firstStep + steps }
  const verdict = verifyWindow({
    run: statement,
    data: data.file,
    before: first.file,
    after: next.file,
    proof: proof.file,
  })
  const verifySeconds = seconds(start)
  if (!verdict.ok) throw new Error(`rejected at ${verdict.at}: ${verdict.reason}`)
  const { setup } = proof
  return {
    first_step: firstStep,
    steps,
    weights: network.stages.reduce((s, l) => s + l.units * (l.inChannels * l.taps + 1), 0),
    prove_seconds_per_step: proveSeconds / steps,
    proof_bytes_per_step: proof.file.length / steps,
    verify_seconds: verifySeconds,
    peak_memory_bytes: process.resourceUsage().maxRSS * 1024,
    security_bits: proof.securityBits,
    setup_seconds: setupSeconds,
    train_seconds_per_step: trainSeconds / steps,
    prove_seconds: proveSeconds,
    prove_cpu_seconds: (user + system) / 1e6,
    proof_bytes: proof.file.length,
    lookups: setup.lookups.used,
    committed_values: setup.layouts.witness.length,
    row_length: 2 ** setup.geometry.shape.logRow,
    parts: setup.geometry.parts,
    breakdown: { 'commit next state': commitSeconds, ...proof.seconds },
    bytes: bytesByPart(proof.fields),
  }
}
