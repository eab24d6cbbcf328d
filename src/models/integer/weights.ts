/** From a checkpoint's tensors to the integer model's: names, row orders and 16-bit rounding. */
import { InputError, InternalError } from '../../errors.ts'
import type { ModelConfig } from '../../import/config.ts'
import type { FloatTensor } from '../../import/tensor.ts'

/** Reads a checkpoint tensor by its canonical name. */
export type ReadTensor = (name: string) => FloatTensor

/** [out, in] of a GPT-2 Conv1D stored [in, 3 * out]: one third of its columns, transposed. */
const convPart = (t: FloatTensor, part: number, parts: number): Float32Array => {
  const [input, width] = t.shape as [number, number]
  const out = width / parts
  const data = new Float32Array(out * input)
  for (let i = 0; i < input; i++) {
    for (let o = 0; o < out; o++) data[o * input + i] = t.data[i * width + part * out + o] as number
  }
  return data
}

/** Rows (c, r, g, m) from Hugging Face's (g, r, c, m): head = g * repeats + r, component = c * half + m. */
const rotaryRows = (t: FloatTensor, groups: number, repeats: number, headDim: number): Float32Array => {
  const width = t.shape[1] ?? 1
  const half = headDim / 2
  const out = new Float32Array(t.data.length)
  let at = 0
  for (let c = 0; c < 2; c++) {
    for (let r = 0; r < repeats; r++) {
      for (let g = 0; g < groups; g++) {
        for (let m = 0; m < half; m++) {
          const row = (g * repeats + r) * headDim + c * half + m
          out.set(t.data.subarray(row * width, (row + 1) * width), at)
          at += width
        }
      }
    }
  }
  return out
}

/** Columns (r, g, h) from (g, r, h). */
const headColumns = (t: FloatTensor, groups: number, repeats: number, headDim: number): Float32Array => {
  const [rows, width] = t.shape as [number, number]
  if (repeats === 1) return t.data
  const out = new Float32Array(t.data.length)
  for (let i = 0; i < rows; i++) {
    for (let r = 0; r < repeats; r++) {
      for (let g = 0; g < groups; g++) {
        const from = i * width + (g * repeats + r) * headDim
        out.set(t.data.subarray(from, from + headDim), i * width + (r * groups + g) * headDim)
      }
    }
  }
  return out
}

const llama = (config: ModelConfig, read: ReadTensor, name: string): Float32Array => {
  const { heads, kvHeads, headDim } = config
  const repeats = heads / kvHeads
  if (name === 'embed') return read('embed_tokens.weight').data
  if (name === 'head') return read('lm_head.weight').data
  if (name === 'norm.gain') return read('norm.weight').data
  const [layer, part = '', suffix] = name.slice(1).split('.')
  const at = `layers.${layer}`
  if (part === 'norm1') return read(`${at}.input_layernorm.weight`).data
  if (part === 'norm2') return read(`${at}.post_attention_layernorm.weight`).data
  const kind = suffix === 'bias' ? 'bias' : 'weight'
  if (part === 'q') return rotaryRows(read(`${at}.self_attn.q_proj.${kind}`), kvHeads, repeats, headDim)
  if (part === 'k') return rotaryRows(read(`${at}.self_attn.k_proj.${kind}`), kvHeads, 1, headDim)
  if (part === 'v') return read(`${at}.self_attn.v_proj.${kind}`).data
  if (part === 'o') {
    const o = read(`${at}.self_attn.o_proj.${kind}`)
    return kind === 'bias' ? o.data : headColumns(o, kvHeads, repeats, headDim)
  }
  return read(`${at}.mlp.${part}_proj.${kind}`).data
}

const gpt2 = (_: ModelConfig, read: ReadTensor, name: string): Float32Array => {
  if (name === 'embed') return read('wte.weight').data
  if (name === 'head') return read('lm_head.weight').data
  if (name === 'positions') return read('wpe.weight').data
  const final = /^norm\.(gain|bias)$/.exec(name)
  if (final) return read(`ln_f.${final[1] === 'gain' ? 'weight' : 'bias'}`).data
  const [layer, part = '', suffix] = name.slice(1).split('.')
  const at = `h.${layer}`
  if (part === 'norm1' || part === 'norm2') {
    return read(`${at}.ln_${part.slice(4)}.${suffix === 'gain' ? 'weight' : 'bias'}`).data
  }
  const qkv = ['q', 'k', 'v'].indexOf(part)
  if (qkv >= 0) {
    if (suffix !== 'bias') return convPart(read(`${at}.attn.c_attn.weight`), qkv, 3)
    const bias = read(`${at}.attn.c_attn.bias`).data
    return bias.slice((qkv * bias.length) / 3, ((qkv + 1) * bias.length) / 3)
  }
  const source = { o: 'attn.c_proj', fc1: 'mlp.c_fc', fc2: 'mlp.c_proj' }[part]
  return suffix === 'bias'
    ? read(`${at}.${source}.bias`).data
    : convPart(read(`${at}.${source}.weight`), 0, 1)
}

const opt = (_: ModelConfig, read: ReadTensor, name: string): Float32Array => {
  if (name === 'embed') return read('embed_tokens.weight').data
  if (name === 'head') return read('lm_head.weight').data
  if (name === 'positions') return read('embed_positions.weight').data
  const final = /^norm\.(gain|bias)$/.exec(name)
  if (final) return read(`final_layer_norm.${final[1] === 'gain' ? 'weight' : 'bias'}`).data
  const [layer, part = '', suffix] = name.slice(1).split('.')
  const at = `layers.${layer}`
  const kind = suffix === 'bias' ? 'bias' : 'weight'
  if (part === 'norm1') return read(`${at}.self_attn_layer_norm.${kind}`).data
  if (part === 'norm2') return read(`${at}.final_layer_norm.${kind}`).data
  const source = {
    q: 'self_attn.q_proj',
    k: 'self_attn.k_proj',
    v: 'self_attn.v_proj',
    o: 'self_attn.out_proj',
    fc1: 'fc1',
    fc2: 'fc2',
  }[part]
  return read(`${at}.${source}.${kind}`).data
}

const FAMILIES = { llama, gpt2, opt }

/** One weight of the integer model in float, in the integer model's order. */
export const floatWeight = (
  config: ModelConfig,
  read: ReadTensor,
  name: string,
  shape: readonly number[],
): Float32Array => {
  const data = FAMILIES[config.family](config, read, name)
  const size = shape.reduce((p, s) => p * s, 1)
  if (data.length !== size) throw new InternalError(`${name}: ${data.length} values for shape ${shape}`)
  return data
}

/** The finest scale at which a tensor's entries fit 16 bits, at most `most`. */
export const weightScale = (data: Float32Array, most: number): number => {
  let max = 0
  for (let i = 0; i < data.length; i++) max = Math.max(max, Math.abs(data[i] as number))
  if (!(max < Number.POSITIVE_INFINITY)) throw new InputError('weights', 'finite values', `${max}`)
  if (max === 0) return Math.min(most, 14)
  return Math.max(-16, Math.min(most, Math.floor(Math.log2(32767 / max))))
}

/** round(data * 2^scale) in 16 bits, half up. */
export const quantise = (data: Float32Array, scale: number): Int16Array => {
  const unit = 2 ** scale
  const out = new Int16Array(data.length)
  for (let i = 0; i < data.length; i++) {
    out[i] = Math.max(-32768, Math.min(32767, Math.floor((data[i] as number) * unit + 0.5)))
  }
  return out
}
