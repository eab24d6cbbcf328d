/** Inference with a trained state, proven under the commitment that its training proof ends in. Prover only. */
import { bytesToHex } from '@noble/hashes/utils.js'
import type { Backend, Source } from '../backend/backend.ts'
import type { Committed } from '../commit/prove.ts'
import { InputError, InternalError } from '../errors.ts'
import { encodeProof, statementBytes } from '../proof/files.ts'
import { countMultiplicities } from '../proof/multiplicities.ts'
import { proveCore } from '../proof/prove-core.ts'
import { systemRandom } from '../proof/prove.ts'
import type { RandomFill } from '../proof/random.ts'
import { setUp } from '../proof/setup.ts'
import type { Program, Tensor } from '../program/program.ts'
import type { Commitment, StageHook, WindowProof } from './api.ts'
import { type ClassificationStatement, decodeStateCommitment, MAX_IMAGES } from './files.ts'
import { StageKernels } from './integer/stage.ts'
import type { State } from './integer/state.ts'
import { storeHighLimbs, storeSplit } from './limbs.ts'
import { type ClassificationProgram, classificationProgram } from './program/classification.ts'

export interface Classification extends WindowProof {
  readonly statement: ClassificationStatement
  /** Logits [count, classes] at activationScale. */
  readonly logits: Int32Array
}

/** Values of a classification's witness. */
class ClassificationTensors {
  readonly backend: Backend
  readonly logits: Int32Array
  readonly #values = new Map<Tensor, Int32Array | Int16Array>()

  constructor(backend: Backend, built: ClassificationProgram, state: State, pixels: Uint8Array) {
    this.backend = backend
    const put = (tensor: Tensor, value: Int32Array): void => void this.#values.set(tensor, value)
    const { stages } = built
    let a = Int32Array.from(pixels)
    put(built.pixels, a)
    let z = a
    stages.forEach((frame, l) => {
      const { stage, config, input, remainder, hidden } = frame
      const own = state[l]
      if (!own) throw new InputError('state', `${stage.name} of the network`, 'a state of fewer stages')
      this.#values.set((frame.states[0] as NonNullable<(typeof frame.states)[0]>).weight.hi, own.hi)
      const kernels = new StageKernels(backend, stage)
      let u = a
      if (input.gather) {
        u = new Int32Array(config.batch * stage.positions * stage.inChannels * stage.taps)
        kernels.gather(a, u)
        put(input.tensor, u)
      }
      const weights = { weights: Float64Array.from(own.hi), bias: Float64Array.from(own.biasHi) }
      const { value, remainder: rest } = kernels.forward(u, weights, stage.shift, config.batch)
      const range = 2 ** config.precision.activationBits
      const far = value.find(v => !(v >= -range && v < range))
      if (far !== undefined)
        throw new InputError(stage.name, `a pre-activation in [-${range}, ${range})`, `${far}`)
      z = Int32Array.from(value)
      if (remainder) storeSplit(remainder, rest, put)
      if (hidden) {
        const sign = z.map(v => (v < 0 ? 1 : 0))
        put(hidden.sign, sign)
        storeSplit(
          hidden.magnitude,
          z.map((v, i) => v + range * (sign[i] as number)),
          put,
        )
        a = z.map(v => Math.max(0, v))
        put(hidden.a, a)
      } else if (frame.z) put(frame.z.tensor, z)
    })
    this.logits = z
  }

  /** What depends on the classes, once they are known. */
  finish(
    program: Program,
    { best, diff }: ClassificationProgram,
    classes: readonly number[],
    width: number,
  ): void {
    const most = Int32Array.from(classes, (c, i) => this.logits[i * width + c] as number)
    this.#values.set(best, most)
    const gaps = this.logits.map((v, at) => {
      const i = Math.floor(at / width)
      return (most[i] as number) - v - (at % width < (classes[i] as number) ? 1 : 0)
    })
    storeSplit(diff, gaps, (tensor, value) => void this.#values.set(tensor, value))
    storeHighLimbs(
      program,
      t => this.ints(t),
      (tensor, value) => void this.#values.set(tensor, value),
    )
    for (const tensor of program.multiplicities)
      this.#values.set(tensor, new Int32Array(tensor.shape[0] ?? 0))
    countMultiplicities(program, this)
  }

  values(tensor: Tensor): Source {
    const found = this.#values.get(tensor)
    if (!found) throw new InternalError(`${tensor.name}: no values`)
    return found
  }

  ints(tensor: Tensor): Int32Array {
    return this.values(tensor) as Int32Array
  }
}

/** The first largest of each row. */
const argmaxRows = (logits: Int32Array, width: number): number[] =>
  Array.from({ length: logits.length / width }, (_, i) => {
    const row = logits.subarray(i * width, (i + 1) * width)
    return row.indexOf(Math.max(...row))
  })

/**
 * Classifies images and proves it. Costs one opening of the state's commitment.
 * @param pixels bytes [count, C, Q]
 * @throws InputError when the images do not fit the network
 */
export const proveClassification = async (
  backend: Backend,
  target: { readonly commitment: Commitment<Committed>; readonly state: State },
  pixels: Uint8Array,
  options: {
    readonly privateImages?: boolean
    readonly onStage?: StageHook
    readonly random?: RandomFill
  } = {},
): Promise<Classification> => {
  const start = performance.now()
  const { config, committed } = decodeStateCommitment(target.commitment.file)
  const { channels, height, width } = config.input
  const features = channels * height * width
  const count = pixels.length / features
  if (!(Number.isInteger(count) && count >= 1 && count <= MAX_IMAGES)) {
    throw new InputError('images', `1 to ${MAX_IMAGES} images of ${features} bytes`, `${pixels.length} bytes`)
  }
  const known = options.privateImages ? undefined : pixels
  // Tensors get the same ids whatever the classes.
  const draft = classificationProgram({
    config,
    classes: Array.from({ length: count }, () => 0),
    pixels: known,
  })
  const logits = new ClassificationTensors(backend, draft, target.state, pixels).logits
  const classes = argmaxRows(logits, config.classes)
  const built = classificationProgram({ config, classes, pixels: known })
  const tensors = new ClassificationTensors(backend, built, target.state, pixels)
  tensors.finish(built.program, built, classes, config.classes)
  const setup = setUp(built.program, { weights: committed.shape })
  const statement: ClassificationStatement = {
    kind: 'classification',
    commitment: target.commitment.digest,
    classes,
    images: known ? bytesToHex(known) : null,
  }
  const planned = (performance.now() - start) / 1000
  const { proof, seconds } = await proveCore({
    setup,
    commitments: { weights: committed },
    committed: { weights: target.commitment.committed },
    statement: statementBytes(statement),
    values: tensor => tensors.values(tensor),
    random: options.random ?? systemRandom,
    backend,
    onStage: options.onStage,
  })
  return {
    file: encodeProof(statement, proof),
    seconds: { plan: planned, ...seconds },
    securityBits: setup.soundness.bits,
    statement,
    logits,
  }
}
