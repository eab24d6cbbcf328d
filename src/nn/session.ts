/**
 * Runs float graphs with ONNX Runtime. The runtime is loaded by the first session, so that importing this file
 * costs a verifier nothing.
 */
import { InputError } from '../errors.ts'
import type { Node } from './graph.ts'
import { sizeOf } from './shape.ts'

/** Row-major values of an input or output, without their shape (the graph knows it). */
export type Values = Float32Array | Int32Array
export type Feeds = Readonly<Record<string, Values>>

export interface SessionOptions {
  /** Threads inside one operator; 1 unless told otherwise. */
  readonly threads?: number
}

export interface Session<Name extends string> {
  /** @param feeds one entry per graph input; other entries are ignored */
  run(feeds: Feeds): Promise<Record<Name, Float32Array>>
  release(): Promise<void>
}

/** Compiles the graph that yields `outputs`. */
export async function openSession<Name extends string>(
  outputs: Readonly<Record<Name, Node>>,
  options: SessionOptions = {},
): Promise<Session<Name>> {
  const [ort, { toOnnx }] = await Promise.all([import('onnxruntime-node'), import('./onnx.ts')])
  const model = toOnnx(outputs)
  const session = await ort.InferenceSession.create(model.bytes, {
    intraOpNumThreads: options.threads ?? 1,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    // Spinning workers would steal the cores from whatever runs beside us.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  })
  return {
    async run(feeds) {
      const tensors = model.inputs.map(({ name, shape, dtype }) => {
        const data = feeds[name]
        const got = data === undefined ? 'nothing' : `${data.length} ${data.constructor.name} entries`
        if (data?.length !== sizeOf(shape) || data instanceof Float32Array !== (dtype === 'f32')) {
          throw new InputError(name, `${sizeOf(shape)} ${dtype} entries`, got)
        }
        const type = dtype === 'f32' ? 'float32' : 'int32'
        return [name, new ort.Tensor(type, data as never, [...shape])] as const
      })
      const results = await session.run(Object.fromEntries(tensors))
      return Object.fromEntries(Object.entries(results).map(([k, t]) => [k, t.data])) as Record<
        Name,
        Float32Array
      >
    },
    release: () => session.release(),
  }
}

/** Runs a graph once. */
export async function evaluate<Name extends string>(
  outputs: Readonly<Record<Name, Node>>,
  feeds: Feeds = {},
): Promise<Record<Name, Float32Array>> {
  const session = await openSession(outputs)
  try {
    return await session.run(feeds)
  } finally {
    await session.release()
  }
}
