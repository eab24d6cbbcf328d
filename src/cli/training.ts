/** The work of `train`, and of `verify` on a run directory. Loaded only when one of them runs. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadBackend } from '../backend/index.ts'
import { InputError } from '../errors.ts'
import { readObject } from '../import/json.ts'
import { digestOf } from '../proof/files.ts'
import { decodeRun, encodeRun, type TrainingVerdict } from '../train/api.ts'
import { type TrainingConfig, trainingSchema } from '../train/config.ts'
import { conform, type Dataset, slice } from '../train/data/dataset.ts'
import { glyphs } from '../train/data/glyphs.ts'
import { loadDataset } from '../train/data/load.ts'
import { evaluate } from '../train/integer/evaluate.ts'
import type { State } from '../train/integer/state.ts'
import { planNetwork } from '../train/network.ts'
import { commitData, commitState, proveWindow } from '../train/prove.ts'
import type { Engine } from '../train/run/chain.ts'
import { readPublic } from '../train/run/public.ts'
import { type Score, type TrainProgress, trainRun } from '../train/run/train.ts'
import { trainUnproven } from '../train/run/unproven.ts'
import { checkSampling } from '../train/sampling.ts'
import { verifyLinks, verifyWindow } from '../train/verify.ts'
import type { Api, Job, TrainRequest } from './api.ts'
import { duration, type Row, size, table } from './output.ts'

const DEMO = {
  config: fileURLToPath(new URL('../../models/train/glyphs.json', import.meta.url)),
  seed: 1,
  examples: 1200,
  holdOut: 200,
  steps: 64,
}

const proofmark = (): Engine => ({
  backend: loadBackend(),
  prover: { commitData, commitState, proveWindow } as Engine['prover'],
  verifier: { verifyWindow, verifyLinks },
})

export const train: Api['train'] = (request, job) => trainWith(proofmark())(request, job)
export const verifyRun: Api['verifyRun'] = (request, job) => verifyRunWith(proofmark())(request, job)

/** `train` with a prover and verifier of one's own. */
export const trainWith =
  (engine: Engine): Api['train'] =>
  async (request, job) => {
    const work = await prepare(request)
    const { config, data, steps } = work
    const wanted = { config, examples: data.labels.length, steps, samplingSeed: request.seed }
    const options = { signal: job.signal, onProgress: (progress: TrainProgress) => show(job, progress) }
    if (!request.proof) {
      const { state, latest, seconds } = await trainUnproven(engine.backend, wanted, data, options)
      const scores = test(engine, work, state, latest)
      const rows: Row[] = [...scores.rows, ['train', duration(seconds)]]
      return { ok: true, lines: [table(rows)], steps, ...scores.report, train_seconds: seconds }
    }
    const folder = request.output ?? mkdtempSync(join(tmpdir(), 'proofmark-train-'))
    try {
      const result = await trainRun(engine, folder, wanted, data, options)
      const scores = test(engine, work, result.state, result.latest)
      const { train: trainSeconds = 0, ...stages } = result.seconds
      const proveSeconds = Object.values(stages).reduce((a, b) => a + b, 0)
      const proven = steps - result.resumedAt
      const report = {
        output: request.output,
        steps,
        resumed_at: result.resumedAt,
        ...scores.report,
        train_seconds: trainSeconds,
        prove_seconds: proveSeconds,
        prove_seconds_per_step: proven > 0 ? proveSeconds / proven : undefined,
        proofs: result.directory.boundaries.length - 1,
        proof_bytes: result.proofBytes,
        proof_bytes_per_step: result.proofBytes / steps,
        security_bits: result.securityBits,
        peak_memory_bytes: process.resourceUsage().maxRSS * 1024,
        breakdown: result.seconds,
      }
      const rows: Row[] = [
        ...(request.output === undefined ? [] : [['run', request.output] as const]),
        ['steps', result.resumedAt > 0 ? `${steps}, of which ${result.resumedAt} were proven before` : steps],
        ...scores.rows,
        ['proofs', `${report.proofs}, ${size(report.proof_bytes_per_step)} a step`],
      ]
      if (proven > 0)
        rows.push(['prove', `${duration(proveSeconds)}, ${duration(proveSeconds / proven)} a step`])
      if (request.config !== undefined) return { ok: true, lines: [table(rows)], ...report }
      const verdict = await verifyRunWith(engine)({ directory: folder }, job)
      rows.push([
        'verify',
        verdict.ok
          ? `ACCEPTED in ${duration(Number(verdict.verify_seconds))}`
          : `REJECTED at ${verdict.at}: ${verdict.reason}`,
      ])
      return { ok: verdict.ok, lines: [table(rows)], ...report, verify_seconds: verdict.verify_seconds }
    } finally {
      if (request.output === undefined) rmSync(folder, { recursive: true, force: true })
    }
  }

interface Work {
  readonly config: TrainingConfig
  readonly data: Dataset
  readonly test: Dataset | undefined
  readonly steps: number
}

/** Reads and checks everything that a run needs, before any work. */
async function prepare(request: TrainRequest): Promise<Work> {
  const config = readConfig(request.config ?? DEMO.config, request)
  const { channels } = config.input
  const demo = request.config === undefined || request.data === undefined
  const all = demo
    ? glyphs(DEMO.seed, DEMO.examples)
    : await loadDataset(request.data as string, { labels: request.labels, channels })
  const whole = conform(request.data ?? 'data', all, config)
  const count = whole.labels.length
  const held = demo ? DEMO.holdOut : (request.holdOut ?? 0)
  if (held >= count)
    throw new InputError('--hold-out', `fewer than the ${count} examples of the data`, `${held}`)
  const data = slice(whole, 0, count - held)
  checkSampling(new Uint8Array(32), count - held, config.batch)
  let test = held > 0 ? slice(whole, count - held, count) : undefined
  if (request.testData !== undefined) {
    const read = await loadDataset(request.testData, { labels: request.testLabels, channels })
    test = conform(request.testData, read, config)
  }
  return { config, data, test, steps: request.steps ?? DEMO.steps }
}

function readConfig(path: string, { batch, window }: TrainRequest): TrainingConfig {
  const fields = { ...readObject(path), ...(batch && { batch }), ...(window && { window }) }
  const parsed = trainingSchema.safeParse(fields)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    const field = issue?.path.join('.') || 'description'
    throw new InputError(`${path}: ${field}`, 'a training description', issue?.message ?? 'another object')
  }
  planNetwork(parsed.data)
  return parsed.data
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

function show(job: Job, { stage, proven, steps, latest }: TrainProgress): void {
  const scores = latest
    ? `step ${latest.step}, loss ${latest.loss.toFixed(3)}, accuracy ${percent(latest.accuracy)}, `
    : ''
  job.onProgress({ stage: 'train', done: proven, total: steps, detail: `${scores}${stage}` })
}

/** What the trained network reaches: on its latest batches, and with its 16-bit weights on the test examples. */
function test(engine: Engine, { config, test: data }: Work, state: State, latest: Score | undefined) {
  const rows: Row[] = []
  const report: Record<string, unknown> = { train_loss: latest?.loss, train_accuracy: latest?.accuracy }
  if (latest)
    rows.push([
      'training',
      `loss ${latest.loss.toFixed(3)}, accuracy ${percent(latest.accuracy)} in the last steps`,
    ])
  if (data) {
    const examples = data.labels.length
    report.test_examples = examples
    try {
      const labels = Int32Array.from(data.labels)
      const { loss, accuracy } = evaluate(
        engine.backend,
        config,
        planNetwork(config),
        state,
        data.pixels,
        labels,
      )
      Object.assign(report, { test_loss: loss, test_accuracy: accuracy })
      rows.push(['test', `loss ${loss.toFixed(3)}, accuracy ${percent(accuracy)} of ${examples} examples`])
    } catch (error) {
      // The run is whole; a value out of range on other data says nothing against it.
      if (!(error instanceof InputError)) throw error
      report.test_error = error.message
      rows.push(['test', error.message])
    }
  }
  return { rows, report }
}

/** `verify` on a run directory with a verifier of one's own. */
export const verifyRunWith =
  ({ verifier }: Engine): Api['verifyRun'] =>
  async ({ directory, commitment }, job) => {
    const files = readPublic(directory)
    const { data, commitments, proofs, provenSteps, missing } = files
    const run = decodeRun(files.run)
    const start = performance.now()
    // Of an unfinished run what is there is checked, as the shorter run that it is.
    const reached = proofs.length > 0 ? encodeRun({ ...run, steps: provenSteps }) : files.run
    const links = verifier.verifyLinks(reached, data, commitments, proofs)
    let verdict: TrainingVerdict | undefined
    for (let done = 0; proofs.length > 0 && !verdict; done++) {
      job.onProgress({ stage: 'verify', done, total: proofs.length })
      await new Promise(resolve => setImmediate(resolve))
      job.signal.throwIfAborted()
      const next = links.next()
      if (next.done) verdict = next.value
    }
    if (verdict && !verdict.ok) return verdict
    if (missing !== undefined) {
      const proven =
        provenSteps > 0 ? `steps 0 to ${provenSteps} of ${run.steps} are proven` : 'no step is proven'
      return { ok: false, at: missing, reason: `there is no such file; ${proven}`, proven_steps: provenSteps }
    }
    const last = commitments.at(-1) as Uint8Array
    if (commitment && digestOf(commitment) !== digestOf(last))
      return { ok: false, at: 'commitment', reason: 'the chain ends in another commitment' }
    return {
      ok: true,
      statement: `training of ${run.steps} steps on ${run.examples} committed examples`,
      steps: run.steps,
      examples: run.examples,
      batch: run.config.batch,
      proofs: proofs.length,
      sampling_seed: run.samplingSeed,
      data: digestOf(data),
      first: digestOf(commitments[0] as Uint8Array),
      last: digestOf(last),
      config: run.config,
      security_bits: verdict?.securityBits,
      // Forging the chain is forging any of its proofs.
      chain_security_bits: verdict && verdict.securityBits - Math.log2(proofs.length),
      verify_seconds: (performance.now() - start) / 1000,
    }
  }
