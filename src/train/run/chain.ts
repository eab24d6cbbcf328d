/** The links of a run's chain: states, their commitments, and the proofs between them, each in its file. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Backend } from '../../backend/backend.ts'
import { InputError } from '../../errors.ts'
import { writeAtomic } from '../../state/durable.ts'
import { newSeed, reserve } from '../../state/state.ts'
import type { Commitment, StageHook, TrainingProver, TrainingVerifier, WindowProof } from '../api.ts'
import { samplingSeedOf } from '../api.ts'
import { gatherBatches } from '../data/batches.ts'
import type { Dataset } from '../data/dataset.ts'
import { initialState, type State } from '../integer/state.ts'
import type { WindowValues } from '../integer/values.ts'
import { runWindow, type Window } from '../integer/window.ts'
import { type Network, planNetwork } from '../network.ts'
import { commitOnce, proofOf, type RunDirectory } from './directory.ts'
import { FILES } from './files.ts'
import { encodeState, readState } from './weights.ts'

/** Proofs that a state's commitment has to serve: of two windows, again after crashes, and of answers later. */
export const STATE_BUDGET = 64
/** Proofs of windows that crashes may cost the data set's commitment. */
const SPARE_OPENINGS = 256

export interface Engine<C = unknown> {
  readonly backend: Backend
  readonly prover: TrainingProver<C>
  readonly verifier: TrainingVerifier
}

/** A state and its commitment. */
export interface Place<C> {
  readonly step: number
  readonly state: State
  readonly commitment: Commitment<C>
}

export class Chain<C> {
  readonly network: Network
  readonly #engine: Engine<C>
  readonly #directory: RunDirectory
  readonly #dataset: Dataset

  constructor(engine: Engine<C>, directory: RunDirectory, dataset: Dataset) {
    this.network = planNetwork(directory.run.config)
    this.#engine = engine
    this.#directory = directory
    this.#dataset = dataset
  }

  #at(name: string): string {
    return join(this.#directory.path, name)
  }

  /** @throws InputError if the proof of a window, from which the run is to go on, does not hold */
  check(window: number): void {
    const { run, boundaries } = this.#directory
    const read = (name: string): Uint8Array => readFileSync(this.#at(name))
    const name = proofOf(boundaries, window)
    const verdict = this.#engine.verifier.verifyWindow({
      run,
      data: read(FILES.data),
      before: read(FILES.chain(boundaries[window] as number)),
      after: read(FILES.chain(boundaries[window + 1] as number)),
      proof: read(name),
    })
    if (!verdict.ok)
      throw new InputError(
        this.#at(name),
        'a proof that holds (remove it to prove these steps again)',
        `${verdict.at}: ${verdict.reason}`,
      )
  }

  /** The stored state before a step, or a new one at the start. @throws InputError if it is missing or damaged */
  stateBefore(step: number): State {
    const { config } = this.#directory.run
    const file = this.#at(FILES.weights(step))
    if (existsSync(file)) return readState(file, this.network, config)
    if (step > 0 || existsSync(this.#at(FILES.chain(0))))
      throw new InputError(file, `the state before step ${step}`, 'no such file')
    const state = initialState(this.network, config, Buffer.from(newSeed()).readInt32LE())
    this.store(step, state)
    return state
  }

  store(step: number, state: State): void {
    writeAtomic(this.#at(FILES.weights(step)), encodeState(this.network, state), 0o600)
  }

  /** @throws InputError if it is not the data that the run committed to */
  commitData(): Promise<Commitment<C>> {
    const { backend, prover } = this.#engine
    const { config } = this.#directory.run
    const files = { file: FILES.data, state: FILES.dataState }
    const budget = this.#directory.boundaries.length - 1 + SPARE_OPENINGS
    return commitOnce(this.#directory, files, budget, 'data', (seed, openings) =>
      prover.commitData(backend, config, this.#dataset, seed, openings),
    )
  }

  async commitState(step: number, state: State, data: Commitment<C>): Promise<Place<C>> {
    const { backend, prover } = this.#engine
    const { config } = this.#directory.run
    const files = { file: FILES.chain(step), state: FILES.chainState(step) }
    const what = `state before step ${step}`
    const commitment = await commitOnce(this.#directory, files, STATE_BUDGET, what, (seed, openings) =>
      prover.commitState(backend, config, state, data.file, seed, openings),
    )
    return { step, state, commitment }
  }

  /** The integer training of steps first .. end - 1. */
  train(first: number, end: number, state: State): Window {
    const { run } = this.#directory
    const range = { ...run, seed: samplingSeedOf(run), firstStep: first, steps: end - first }
    const batches = gatherBatches(range, this.#dataset, this.network.features)
    // Proofs of stages that are not wide commit to the weights before every step.
    return runWindow(this.#engine.backend, run.config, this.network, state, batches, first, end - first, {
      weights: true,
    })
  }

  /** Proves the steps between two places, after taking an opening of each commitment, and writes the proof. */
  async prove(
    data: Commitment<C>,
    before: Place<C>,
    after: Place<C>,
    values: WindowValues,
    onStage: StageHook,
  ): Promise<WindowProof> {
    const { run } = this.#directory
    for (const state of [FILES.dataState, FILES.chainState(before.step), FILES.chainState(after.step)])
      reserve(this.#at(state), 1)
    const proof = await this.#engine.prover.proveWindow(
      this.#engine.backend,
      {
        config: run.config,
        examples: run.examples,
        samplingSeed: samplingSeedOf(run),
        firstStep: before.step,
        steps: after.step - before.step,
        data: { commitment: data, dataset: this.#dataset },
        before,
        after,
        values,
      },
      { onStage },
    )
    writeAtomic(this.#at(FILES.proof(before.step, after.step)), proof.file)
    return proof
  }
}
