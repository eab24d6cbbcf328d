/** A trainer's state as a safetensors file: for each stage `NAME.weight.hi`, `.lo`, `NAME.bias.hi`, `.lo`. */
import { endianness } from 'node:os'
import { InputError } from '../../errors.ts'
import { encodeRaw, type RawTensor, readRaw } from '../../import/safetensors-raw.ts'
import type { TrainingConfig } from '../config.ts'
import type { Parameters, StageState, State } from '../integer/state.ts'
import type { Network, Stage } from '../network.ts'

/** Little-endian bytes, in either direction: a copy. */
const littleEndian = (bytes: Uint8Array, size: 2 | 4): Uint8Array => {
  const copy = Buffer.from(bytes)
  if (endianness() === 'BE') size === 2 ? copy.swap16() : copy.swap32()
  return copy
}

/** Names, types and shapes of one stage's parameters. */
const layout = (prefix: string, { units, inChannels, taps }: Stage) =>
  [
    ['hi', `${prefix}.weight.hi`, 'I16', [units, inChannels, taps]],
    ['lo', `${prefix}.weight.lo`, 'I32', [units, inChannels, taps]],
    ['biasHi', `${prefix}.bias.hi`, 'I16', [units]],
    ['biasLo', `${prefix}.bias.lo`, 'I32', [units]],
  ] as const

/** The bytes of a state's file. */
export function encodeState({ stages }: Network, state: State): Uint8Array {
  const tensors = new Map<string, RawTensor>()
  const add = (prefix: string, stage: Stage, parameters: Parameters): void => {
    for (const [key, name, dtype, shape] of layout(prefix, stage)) {
      const { buffer, byteOffset, byteLength } = parameters[key]
      const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength)
      tensors.set(name, { dtype, shape, bytes: littleEndian(bytes, dtype === 'I16' ? 2 : 4) })
    }
  }
  stages.forEach((stage, l) => {
    const own = state[l] as StageState
    add(stage.name, stage, own)
    if (own.velocity) add(`${stage.name}.velocity`, stage, own.velocity)
  })
  return encodeRaw(tensors)
}

/** @throws InputError naming the file and the tensor that is missing, misshapen or left over */
export function readState(path: string, { stages }: Network, { optimizer }: TrainingConfig): State {
  const tensors = readRaw(path)
  const take = (prefix: string, stage: Stage): Parameters => {
    const parts = layout(prefix, stage).map(([key, name, dtype, shape]) => {
      const found = tensors.get(name)
      const got = found ? `${found.dtype} [${found.shape.join(', ')}]` : 'none'
      if (!found || got !== `${dtype} [${shape.join(', ')}]`)
        throw new InputError(`${path}: ${name}`, `${dtype} [${shape.join(', ')}]`, got)
      tensors.delete(name)
      const { buffer } = Uint8Array.from(littleEndian(found.bytes, dtype === 'I16' ? 2 : 4))
      return [key, dtype === 'I16' ? new Int16Array(buffer) : new Int32Array(buffer)] as const
    })
    return Object.fromEntries(parts) as unknown as Parameters
  }
  const state = stages.map(stage => {
    const own = take(stage.name, stage)
    return optimizer.momentum > 0 ? { ...own, velocity: take(`${stage.name}.velocity`, stage) } : own
  })
  for (const name of tensors.keys()) throw new InputError(path, 'the tensors of the configuration', name)
  return state
}
