import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { degrade } from '../../image/degrade.ts'
import type { Image } from '../../image/image.ts'
import { quality } from '../../image/metrics.ts'
import { input } from '../../nn/graph.ts'
import { seeded } from '../../nn/random.ts'
import { evaluate } from '../../nn/session.ts'
import { BRANCHES, CORRECTORS, extents, FREQUENCIES, type LceConfig, method, parseConfig } from './config.ts'
import { fsab, publics } from './fsab.ts'
import { openLce, paddedSide } from './model.ts'
import { lceGraph, pixelShuffle, repeatPixels } from './network.ts'
import { Parameters } from './parameters.ts'
import { readWeights, withCorrector, writeWeights } from './weights.ts'

const dir = mkdtempSync(join(tmpdir(), 'lce-'))
afterAll(() => rmSync(dir, { recursive: true }))

const tiny: LceConfig = { ...method, size: 'tiny', scale: 4 }
const noise = (n: number, seed = 1): Float32Array => Float32Array.from({ length: n }, seeded(seed))
const image = (height: number, width: number): Image => ({
  width,
  height,
  channels: 3,
  data: noise(3 * height * width),
})
const drawn = (config: LceConfig) => ({ config, tensors: lceGraph(config, 8, 8).parameters.draw(1) })

async function run(config: LceConfig, height = 8, width = 16) {
  const session = await openLce(drawn(config), height, width)
  const result = await session.run(image(height, width), image(height, width))
  await session.release()
  return result
}

describe('pixels', () => {
  it('shuffles channels to places', async () => {
    const x = input('x', [1, 4, 1, 2])
    const { y } = await evaluate({ y: pixelShuffle(x, 2) }, { x: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8) })
    expect([...y]).toEqual([1, 3, 2, 4, 5, 7, 6, 8])
  })
  it('repeats', async () => {
    const x = input('x', [1, 1, 1, 2])
    const { y } = await evaluate({ y: repeatPixels(x, 2) }, { x: Float32Array.of(1, 2) })
    expect([...y]).toEqual([1, 1, 2, 2, 1, 1, 2, 2])
  })
})

describe('FSAB', () => {
  const block = (shifted: boolean, frequency: LceConfig['frequency'] = 'attention') => {
    const p = new Parameters()
    const x = input('x', [2, 256, extents.tiny.channels])
    const y = fsab(p, 'block', x, { ...tiny, frequency }, extents.tiny, publics(16, 16), shifted)
    return { p, y }
  }
  it('keeps the shape of its tokens', () => {
    for (const frequency of FREQUENCIES) expect(block(true, frequency).y.shape).toEqual([2, 256, 32])
  })
  it('mixes pixels of one window only, unless they wrap', async () => {
    const { p, y } = block(false)
    const weights = Object.fromEntries([...p.draw(1)].map(([name, t]) => [name, t.data]))
    const x = noise(2 * 256 * 32)
    const moved = x.slice()
    moved[5]! += 1
    const [a, b] = [await evaluate({ y }, { ...weights, x }), await evaluate({ y }, { ...weights, x: moved })]
    const changed = [...a.y.keys()].filter(i => Math.abs(a.y[i]! - b.y[i]!) > 1e-6)
    expect(changed.length).toBeGreaterThan(64)
    expect(Math.max(...changed)).toBeLessThan(64 * 32)
  })
})

describe('networks', () => {
  it('have plausible numbers of parameters', () => {
    const count = (size: LceConfig['size']) => lceGraph({ ...tiny, size }, 8, 8).parameters.count
    expect([count('tiny'), count('small'), count('full')]).toEqual([195_100, 1_678_508, 14_526_284])
  })
  for (const scale of [2, 3, 4] as const)
    it(`upscale by ${scale}`, async () => {
      const { sr, clr } = await run({ ...tiny, scale })
      expect([sr.height, sr.width, sr.data.length]).toEqual([8 * scale, 16 * scale, 3 * 128 * scale * scale])
      expect([clr.height, clr.width]).toEqual([8, 16])
      // Residuals start small, so that an untrained network is close to repeating pixels.
      expect(Math.abs(sr.data[0]! - image(8, 16).data[0]!)).toBeLessThan(0.5)
    })
  it('small runs, with several heads', async () => {
    expect((await run({ ...tiny, size: 'small' }, 8, 8)).sr.data.every(Number.isFinite)).toBe(true)
  })
  it('run without each part', async () => {
    const full = lceGraph(tiny, 8, 8).parameters.count
    const variants: Partial<LceConfig>[] = [
      ...CORRECTORS.map(corrector => ({ corrector })),
      ...BRANCHES.map(branches => ({ branches })),
      ...FREQUENCIES.map(frequency => ({ frequency })),
      { attention: false },
    ]
    for (const variant of variants) {
      const config = { ...tiny, ...variant }
      expect((await run(config)).sr.data.every(Number.isFinite)).toBe(true)
      if (
        Object.keys(method).some(
          key => config[key as keyof typeof method] !== method[key as keyof typeof method],
        )
      )
        expect(lceGraph(config, 8, 8).parameters.count).not.toBe(full)
    }
  })
  it('refuse sides that windows do not fill, and images of another size', async () => {
    expect(() => lceGraph(tiny, 8, 12)).toThrow(/width: expected a positive multiple of 8, got 12/)
    expect(paddedSide(9)).toBe(16)
    const session = await openLce(drawn(tiny), 8, 8)
    await expect(session.run(image(8, 16))).rejects.toThrow(/lr: expected 3 x 8 x 8, got 3 x 8 x 16/)
    await session.release()
  })
})

describe('weights files', () => {
  const path = join(dir, 'w.safetensors')
  it('come back as written', () => {
    writeWeights(path, drawn(tiny))
    const back = readWeights(path, { scale: 4, size: 'tiny' })
    expect(back.config).toEqual(tiny)
    expect(back.tensors.get('stem.lr.weight')).toEqual(drawn(tiny).tensors.get('stem.lr.weight'))
  })
  it('serve with another Corrector', () => {
    const { config, tensors } = withCorrector(drawn(tiny), 'oracle')
    expect([...tensors.keys()]).toEqual([...lceGraph(config, 8, 8).parameters.nodes.keys()])
  })
  it('of another size or scale are refused', () => {
    writeWeights(path, drawn(tiny))
    expect(() => readWeights(path, { scale: 2 })).toThrow(/scale: expected 2, got 4/)
    expect(() => readWeights(path, { size: 'full' })).toThrow(/size: expected full, got tiny/)
  })
  it('that lack a tensor or are of another kind are refused', () => {
    writeWeights(path, { config: tiny, tensors: new Map([...drawn(tiny).tensors].slice(1)) })
    expect(() => readWeights(path)).toThrow(
      /corrector.head.weight: expected \[32,30,3,3\], got no such tensor/,
    )
    const header = Buffer.from('{}      ')
    writeFileSync(path, Buffer.concat([Buffer.from(BigUint64Array.of(8n).buffer), header]))
    expect(() => readWeights(path)).toThrow(/weights of a super-resolution network/)
  })
})

describe('the weights that come with the package', () => {
  it.each([4, 2] as const)(
    'x%i: the method in full, at most 4 MB, well above repeated pixels',
    async scale => {
      const path = fileURLToPath(
        new URL(`../../../models/lce/x${scale}-tiny/model.safetensors`, import.meta.url),
      )
      expect(statSync(path).size).toBeLessThan(4e6)
      const weights = readWeights(path, { ...method, scale })
      const side = 16 * scale
      // Hard edges, which tell how strong the blur was.
      const disc = (x: number, y: number) => (Math.hypot(x - side / 2, y - side / 3) < side / 4 ? 0.8 : 0.3)
      const high: Image = {
        width: side,
        height: side,
        channels: 3,
        data: Float32Array.from({ length: 3 * side * side }, (_, i) =>
          disc(i % side, Math.floor(i / side) % side),
        ),
      }
      const session = await openLce(weights, 16, 16)
      const low = degrade(high, scale, 0.6 * scale)
      const { sr } = await session.run(low)
      await session.release()
      const { y } = await evaluate({ y: repeatPixels(input('x', [1, 3, 16, 16]), scale) }, { x: low.data })
      expect(quality(sr, high, scale).psnr).toBeGreaterThan(
        quality({ ...high, data: y }, high, scale).psnr + 4,
      )
    },
  )
})

describe('parseConfig', () => {
  it('names what is unknown', () => {
    expect(() => parseConfig({ ...tiny, scale: 5 })).toThrow(/scale: expected one of 2, 3, 4, got 5/)
    expect(() => parseConfig({ ...tiny, corrector: 'best' })).toThrow(/corrector/)
    expect(parseConfig({ ...tiny, attention: 'false' }).attention).toBe(false)
  })
})
