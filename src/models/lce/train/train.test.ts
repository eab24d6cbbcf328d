import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gaussianKernel } from '../../../image/blur.ts'
import { clearLow, degrade } from '../../../image/degrade.ts'
import { cut, type Image, quantise } from '../../../image/image.ts'
import { seeded } from '../../../nn/random.ts'
import { initialMoments, next, stepFeeds } from '../../../nn/adam.ts'
import { evaluate, openSession } from '../../../nn/session.ts'
import { input } from '../../../nn/graph.ts'
import { type LceConfig, method } from '../config.ts'
import { pixelShuffle } from '../network.ts'
import { readWeights } from '../weights.ts'
import { drawBatch, lowered, margin, pixelUnshuffle, sourceSide } from './batch.ts'
import { loadState, type Tensors, type TrainState } from './checkpoint.ts'
import { drawPatch, makeCorpus, readCorpus } from './corpus.ts'
import { BLURS, LEARNINGS, LOSSES, rateAt, trainDefaults, type TrainOptions } from './options.ts'
import { curves } from './plot.ts'
import { PARAMETERS, trainingGraph } from './step.ts'
import { firstWeights, train, type TrainHooks } from './trainer.ts'
import { openValidation, type Validation } from './validate.ts'

const dir = mkdtempSync(join(tmpdir(), 'lce-train-'))
const photos = join(dir, 'photos')
afterAll(() => rmSync(dir, { recursive: true }))

const config: LceConfig = { ...method, size: 'tiny', scale: 2 }
const options: TrainOptions = {
  ...trainDefaults,
  rows: 1,
  patch: 8,
  steps: 40,
  every: 20,
  warmup: 10,
  threads: 1,
}

/** A photograph of faint stripes, flat on its left half. */
const stripes = (width: number, height: number) =>
  Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    const x = Math.floor(i / 3) % width
    return x < width / 2 ? 128 : 112 + 32 * (Math.floor(x / 3) % 2)
  })
const savePhoto = (path: string, width: number, height: number) =>
  sharp(stripes(width, height), { raw: { width, height, channels: 3 } }).toFile(path)

beforeAll(async () => {
  mkdirSync(photos)
  await savePhoto(join(photos, 'a.png'), 300, 280)
})

describe('corpus', () => {
  it('halves photographs and draws where there is detail', async () => {
    const corpus = await readCorpus(photos, 32)
    expect([corpus.photos[0]!.width, corpus.photos[0]!.height]).toEqual([150, 140])
    const random = seeded(1)
    let detailed = 0
    for (let i = 0; i < 50; i++) {
      const patch = drawPatch(corpus, 16, random)
      const [low, high] = [Math.min(...patch.data), Math.max(...patch.data)]
      detailed += Number(high - low > 0.05)
    }
    expect(detailed).toBeGreaterThan(40)
  })
  it('are shrunk no further than a patch needs, to the pixel', async () => {
    const wide = join(dir, 'wide')
    mkdirSync(wide)
    // 84 / (84 / 38) is less than 38 in floating point.
    await savePhoto(join(wide, 'a.png'), 1800, 84)
    const { photos } = await readCorpus(wide, 38)
    expect([photos[0]!.width, photos[0]!.height]).toEqual([814, 38])
  })
  it('names what it cannot use', async () => {
    const bad = join(dir, 'bad')
    mkdirSync(bad)
    await expect(readCorpus(bad, 32)).rejects.toThrow(/a folder with images, got none/)
    await savePhoto(join(bad, 'small.png'), 40, 40)
    await expect(readCorpus(bad, 32)).rejects.toThrow(/small.png: expected at least 64 pixels a side/)
    rmSync(join(bad, 'small.png'))
    writeFileSync(join(bad, 'broken.jpg'), 'no image')
    await expect(readCorpus(bad, 32)).rejects.toThrow(/broken.jpg: expected an image/)
  })
})

describe('batches', () => {
  const flat = { width: 80, height: 80, data: new Uint8Array(3 * 80 * 80).fill(51) }
  it.each(BLURS)('show a flat photograph as it is, with %s blur', blur => {
    const batch = drawBatch(makeCorpus([flat]), config, { rows: 2, patch: 8, blur }, 2, seeded(1))
    expect([batch.lr.length, batch.clear.length, batch.hr.length]).toEqual([384, 384, 1536])
    for (const list of [batch.lr, batch.clear, batch.hr]) for (const v of list) expect(v).toBeCloseTo(0.2, 5)
  })
  it('are degraded as the evaluation degrades', () => {
    for (const scale of [2, 3, 4] as const) {
      const edge = Math.max(...BLURS.map(blur => margin(scale, blur)))
      const side = scale * (8 + 2 * edge)
      const random = seeded(scale)
      const source: Image = {
        width: side,
        height: side,
        channels: 1,
        data: Float32Array.from({ length: side * side }, random),
      }
      const inner = (x: Image) => cut(x, { left: edge, top: edge, width: 8, height: 8 })
      const stretched = gaussianKernel(11, [0.8, 2.5], 0.5)
      const pairs = [
        [lowered(source, scale, edge), inner(clearLow(source, scale))],
        [quantise(lowered(source, scale, edge, 1.5)), inner(degrade(source, scale, 1.5))],
        [quantise(lowered(source, scale, edge, stretched)), inner(degrade(source, scale, stretched))],
      ] as const
      for (const [fast, plain] of pairs)
        for (const [i, v] of plain.data.entries()) expect(fast.data[i]).toBeCloseTo(v, 5)
    }
  })
  it('refuse to correct anisotropic blur in closed form', () => {
    const filtered: LceConfig = { ...config, corrector: 'filter' }
    const stretched = { rows: 1, patch: 8, blur: 'anisotropic' } as const
    expect(() => drawBatch(makeCorpus([flat]), filtered, stretched, 2, seeded(1))).toThrow(
      /blur: expected isotropic, for the closed-form filter, got anisotropic/,
    )
  })
  it('have room for what blur and downsampling reach', () => {
    expect(sourceSide(4, 32, 'isotropic')).toBe(4 * (32 + 10))
    expect(sourceSide(2, 32, 'isotropic')).toBe(2 * (32 + 16))
  })
  it('unshuffle what the network shuffles', async () => {
    const image: Image = {
      width: 4,
      height: 2,
      channels: 3,
      data: Float32Array.from({ length: 24 }, (_, i) => i),
    }
    const x = input('x', [1, 12, 1, 2])
    const { y } = await evaluate({ y: pixelShuffle(x, 2) }, { x: pixelUnshuffle(image, 2) })
    expect([...y]).toEqual([...image.data])
  })
})

describe('training', () => {
  /** Validation on the training photograph would need 128 pixels a side; a constant decides nothing here. */
  const still: Validation = { measure: async () => ({ psnr: 20, clrPsnr: 30 }), release: async () => {} }
  const run = async (
    name: string,
    hooks: TrainHooks = {},
    start?: Tensors,
    changes: Partial<TrainOptions> = {},
  ) =>
    train(
      config,
      await readCorpus(photos, 32),
      still,
      join(dir, name),
      { ...options, ...changes },
      hooks,
      start,
    )
  let whole: TrainState
  const one: TrainOptions = { ...trainDefaults, rows: 1, patch: 8 }
  beforeAll(async () => {
    whole = await run('whole')
  }, 120_000)

  it('lowers the loss', () => {
    expect(whole.log[1]!.srLoss).toBeLessThan(0.9 * whole.log[0]!.srLoss!)
  })
  it('can use Adam for all parameters, which goes another way', async () => {
    const adam = await run('adam', {}, undefined, { optimizer: 'adam' })
    expect(adam.log[1]!.srLoss).toBeLessThan(0.9 * adam.log[0]!.srLoss!)
    expect(adam.log[1]!.srLoss).not.toBe(whole.log[1]!.srLoss)
  })
  it.each(LEARNINGS)('moves what is to learn, %s', async learning => {
    const { outputs, parameters } = trainingGraph(config, { ...one, learning })
    const session = await openSession<string>(outputs)
    const flat = (n: number, value: number) => new Float32Array(n).fill(value)
    const packed = parameters.pack(parameters.draw(1))
    const moved = async (target: number) => {
      const images = { lr: flat(192, 0.5), clear: flat(192, 0.6), hr: flat(768, target), blur: flat(10, 0.1) }
      const moments = initialMoments(new Map([[PARAMETERS, [packed.length]]]))
      const out = await session.run({ ...images, ...moments, ...stepFeeds(1, 1), [PARAMETERS]: packed })
      return parameters.unpack(out[next(PARAMETERS)]!)
    }
    const [a, b] = [await moved(0.2), await moved(0.9)]
    await session.release()
    // Entries move by about 1. What is left when detached is the common clipping of the gradients.
    const distance = (name: string) => {
      const [x, y] = [a.get(name)!.data, b.get(name)!.data]
      return x.reduce((sum, v, i) => sum + Math.abs(v - y[i]!), 0) / x.length
    }
    if (learning === 'corrector') expect(distance('tail.out.weight')).toBe(0)
    else expect(distance('tail.out.weight')).toBeGreaterThan(0.1)
    if (learning === 'joint') expect(distance('corrector.head.weight')).toBeGreaterThan(0.03)
    else expect(distance('corrector.head.weight')).toBeLessThan(0.01)
    const start = parameters.unpack(packed)
    expect(a.get('corrector.head.weight')!.data).not.toEqual(start.get('corrector.head.weight')!.data)
    const still = a.get('tail.out.weight')!.data.every((v, i) => v === start.get('tail.out.weight')!.data[i])
    expect(still).toBe(learning === 'corrector')
  })
  it.each(LOSSES)('measures the result patch by patch, %s', async loss => {
    const plain: LceConfig = { ...config, corrector: 'none' }
    const { losses, packed, parameters } = trainingGraph(plain, { ...one, rows: 2, loss })
    const random = seeded(3)
    const noise = (n: number) => Float32Array.from({ length: n }, random)
    const hr = noise(2 * 768)
    const weights = parameters.pack(parameters.draw(1))
    const { srLoss, result } = await evaluate(
      { srLoss: losses.srLoss!, result: packed },
      { lr: noise(2 * 192), hr, [PARAMETERS]: weights },
    )
    const patches = [0, 1].map(row => {
      const at = row * 768
      const errors = Array.from(hr.subarray(at, at + 768), (v, i) => result[at + i]! - v)
      const mean = (f: (e: number) => number) => errors.reduce((sum, e) => sum + f(e), 0) / errors.length
      return loss === 'l1' ? mean(Math.abs) : Math.sqrt(mean(e => e * e))
    })
    expect(srLoss[0]).toBeCloseTo((patches[0]! + patches[1]!) / 2, 5)
  })
  it('refuses to teach a Corrector that there is not', () => {
    expect(() => trainingGraph({ ...config, corrector: 'none' }, { ...one, learning: 'corrector' })).toThrow(
      /learning: expected joint, for a network without a Corrector of its own, got corrector/,
    )
  })
  it('goes on after a stop as if there had been none', async () => {
    const stop = new AbortController()
    await run('parts', { signal: stop.signal, onStep: step => step === 20 && stop.abort() })
    expect(loadState(join(dir, 'parts'), config).log.at(-1)!.step).toBe(20)
    const parts = await run('parts')
    expect(parts.log[1]!.srLoss).toBe(whole.log[1]!.srLoss)
    for (const [name, { data }] of whole.tensors) expect(parts.tensors.get(name)!.data).toEqual(data)
    for (const [name, { data }] of whole.averaged) expect(parts.averaged.get(name)!.data).toEqual(data)
  })
  it('leaves weights and curves', () => {
    expect(readWeights(join(dir, 'whole', 'model.safetensors')).config).toEqual(config)
    expect(existsSync(join(dir, 'whole', 'curves.svg'))).toBe(true)
  })
  it('ignores lines of the log that are ahead of the checkpoint', () => {
    const log = join(dir, 'whole', 'train.jsonl')
    writeFileSync(log, `${readFileSync(log, 'utf8')}{"step":99}\n`)
    expect(loadState(join(dir, 'whole'), config).log.map(l => l.step)).toEqual([20, 40])
  })
  it('refuses the checkpoint of another network', () => {
    const load = (other: Partial<LceConfig>) => () => loadState(join(dir, 'whole'), { ...config, ...other })
    expect(load({ scale: 4 })).toThrow(/scale: expected 4, got 2/)
    expect(load({ size: 'small' })).toThrow(/size: expected small/)
  })
})

describe('first weights', () => {
  it('are those given where name and shape agree', () => {
    const given = firstWeights({ ...config, scale: 4 }, 1, new Map())
    const mixed = firstWeights(config, 2, given)
    expect(mixed.get('stem.lr.weight')).toBe(given.get('stem.lr.weight'))
    expect(mixed.get('tail.out.weight')!.shape).toEqual([12, 32, 3, 3])
  })
})

describe('validation', () => {
  it('measures an untrained network as about its repeated pixels', async () => {
    const validation = await openValidation(photos, config, 1)
    const { lceGraph } = await import('../network.ts')
    const weights = [...lceGraph(config, 8, 8).parameters.draw(1)].map(([n, t]) => [n, t.data] as const)
    const { psnr, clrPsnr } = await validation.measure(Object.fromEntries(weights))
    expect(psnr).toBeGreaterThan(10)
    expect(clrPsnr).toBeGreaterThan(psnr)
    await validation.release()
  })
  it('refuses a folder of small images', async () => {
    const small = join(dir, 'small')
    mkdirSync(small)
    copyFileSync(join(photos, 'a.png'), join(small, 'a.png'))
    await expect(openValidation(small, { ...config, scale: 4 }, 1)).resolves.toBeDefined()
    await savePhoto(join(small, 'a.png'), 100, 100)
    await expect(openValidation(small, config, 1)).rejects.toThrow(
      /an image of at least 128 pixels a side, got none/,
    )
  })
})

describe('schedule and curves', () => {
  it('rises, stays and falls to a hundredth', () => {
    const at = (step: number) => rateAt(step, { ...options, steps: 100, warmup: 10, peakRate: 1 })
    expect([at(5), at(10), at(50)]).toEqual([0.5, 1, 1])
    expect(at(80)).toBeCloseTo(0.01 + 0.99 * 0.4, 9)
    expect(at(100)).toBeCloseTo(0.01, 9)
  })
  it('draws every line of a log', () => {
    const line = (step: number) => ({
      step,
      srLoss: 1 / step,
      psnr: 20 + step,
      clrPsnr: 30,
      rate: 1,
      seconds: step,
    })
    const svg = curves([line(1), line(2), line(3)])
    expect(svg.match(/<polyline/g)!.length).toBe(2)
    expect(svg).not.toMatch(/NaN|Infinity/)
  })
})
