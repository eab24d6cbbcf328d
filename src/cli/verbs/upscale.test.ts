import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { encodePicture, type Format, readPicture } from '../../image/codec.ts'
import { waves } from '../../image/testing.ts'
import { type LceConfig, method } from '../../models/lce/config.ts'
import { lceGraph } from '../../models/lce/network.ts'
import { writeWeights } from '../../models/lce/weights.ts'
import { cli, workspace } from '../fixtures/capture.ts'

/** A folder with fresh weights `w2` and `w4`, and image files. */
async function setting() {
  const { at } = workspace()
  for (const scale of [2, 4] as const) {
    const config: LceConfig = { ...method, size: 'tiny', scale }
    writeWeights(at(`w${scale}`), { config, tensors: lceGraph(config, 8, 8).parameters.draw(1) })
  }
  const save = async (name: string, width = 20, height = 14, format: Format = 'png', depth: 8 | 16 = 8) => {
    const alpha = name.includes('alpha') ? waves(width, height, 1) : undefined
    writeFileSync(at(name), await encodePicture({ colour: waves(width, height), alpha, depth, format }))
    return at(name)
  }
  const upscale = (inputs: readonly string[], out: string, ...more: string[]) =>
    cli(['upscale', ...inputs, '-o', at(out), '--scale', '2', '--weights', at('w2'), ...more])
  return { at, save, upscale }
}

describe('results', () => {
  it('one file to one file, with one JSON object', async () => {
    const { at, save, upscale } = await setting()
    const { code, out, err } = await upscale([await save('a.png')], 'b.jpg', '--json')
    expect(err).toMatch(/a\.png: 0 %/)
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      scale: 2,
      network: { size: 'tiny', scale: 2 },
      images: [{ input: at('a.png'), output: at('b.jpg'), width: 40, height: 28 }],
    })
    const { colour, format } = await readPicture(at('b.jpg'))
    expect([colour.width, colour.height, format]).toEqual([40, 28, 'jpeg'])
  })

  it('--ensemble goes through eight turned forms', async () => {
    const { at, save, upscale } = await setting()
    const { code, err } = await upscale([await save('a.png')], 'b.png', '--ensemble')
    expect(code).toBe(0)
    expect(err).toMatch(/a\.png, 8 of 8: 0 %/)
    const { colour } = await readPicture(at('b.png'))
    expect([colour.width, colour.height]).toEqual([40, 28])
  })

  it('folders and patterns to a folder, each image once', async () => {
    const { at, save, upscale } = await setting()
    mkdirSync(at('in'))
    await save('in/a.png')
    await save('in/alpha.webp', 9, 9, 'webp')
    await save('in/deep.tif', 9, 9, 'tiff', 16)
    writeFileSync(at('in/notes.txt'), 'not an image')
    const { code, err } = await upscale([at('in'), at('in/*.png')], 'out')
    expect(code).toBe(0)
    expect(err).toMatch(/alpha\.webp \(2 of 3\): 0 %/)
    expect(readdirSync(at('out'))).toEqual(['a.png', 'alpha.webp', 'deep.tif'])
    expect((await readPicture(at('out/alpha.webp'))).alpha).toMatchObject({ width: 18, height: 18 })
    expect((await readPicture(at('out/deep.tif'))).depth).toBe(16)
  })

  it('--format changes endings; what is lost is said', async () => {
    const { at, save, upscale } = await setting()
    mkdirSync(at('out'))
    const { code, err } = await upscale([await save('alpha.png', 9, 9, 'png', 16)], 'out', '--format', 'jpeg')
    expect(code).toBe(0)
    expect(err).toMatch(/alpha\.jpg: JPEG has no transparency; white shows through/)
    expect(err).toMatch(/alpha\.jpg: jpeg has 8 bits, the input has 16/)
    expect(existsSync(at('out/alpha.jpg'))).toBe(true)
  })

  it('--reference measures, beside bicubic; --compare writes a page that loads nothing', async () => {
    const { at, save, upscale } = await setting()
    const truth = await save('truth.png', 40, 40)
    const input = await save('a&b.png', 20, 20)
    const page = at('compare.html')
    const result = await upscale([input], 'b.png', '--reference', truth, '--compare', page)
    expect(result).toMatchObject({ code: 0 })
    expect(result.out).toMatch(/40 x 40, .* dB, SSIM .* \(bicubic .* dB, SSIM/)
    const html = readFileSync(page, 'utf8')
    expect(html).toContain('a&#38;b.png')
    expect(html.match(/src="data:image\/webp;base64,/g)).toHaveLength(2)
    expect(html.replace(/data:image\/webp;base64,[^"]*/g, '')).not.toMatch(/https?:|src="[^"]/)
    const json = await upscale([input], 'b.png', '--reference', truth, '--json', '--force')
    const [{ psnr, ssim, bicubic }] = JSON.parse(json.out).images
    for (const value of [psnr, ssim, bicubic.psnr, bicubic.ssim]) expect(value).toBeTypeOf('number')
  })

  it('a tile size of its own', async () => {
    const { save, upscale } = await setting()
    const { code, err } = await upscale([await save('a.png', 40, 40)], 'b.png', '--tile', '64')
    expect(code).toBe(0)
    expect(err).toMatch(/a\.png: 0 %/)
  })
})

describe('refusals', () => {
  const refused = async (args: Promise<{ code: number; err: string }>, message: RegExp): Promise<void> => {
    const { code, err } = await args
    expect(err).toMatch(message)
    expect(code).toBe(2)
  }

  it('inputs', async () => {
    const { at, save, upscale } = await setting()
    await refused(upscale([at('none.png')], 'b.png'), /none\.png: no such file/)
    mkdirSync(at('empty'))
    await refused(upscale([at('empty')], 'out'), /empty: expected a folder with images .*, got none in it/)
    await refused(upscale([at('*.gif')], 'out'), /\*\.gif: expected a pattern that matches an image/)
    writeFileSync(at('text.png'), 'no image')
    await refused(
      upscale([at('text.png')], 'b.png'),
      /text\.png: expected an image of png, jpeg, webp, tiff, got something/,
    )
    const whole = readFileSync(await save('a.png', 64, 64))
    writeFileSync(at('half.png'), whole.subarray(0, whole.length / 2))
    await refused(upscale([at('half.png')], 'b.png'), /half\.png: expected a whole, undamaged image/)
    writeFileSync(at('none'), '')
    await refused(upscale([at('none')], 'b.png'), /none: expected an image, got an empty file/)
    const frames = [await sharp(at('a.png')).negate().png().toBuffer(), whole]
    writeFileSync(
      at('moving.webp'),
      await sharp(frames, { join: { animated: true } })
        .webp()
        .toBuffer(),
    )
    await refused(
      upscale([at('moving.webp')], 'b.png'),
      /moving\.webp: expected a single image, got 2 frames/,
    )
    const wide = readFileSync(await save('wide.png', 4, 4))
    wide.writeUInt32BE(9000, 16)
    wide.writeUInt32BE(8000, 20)
    wide.writeUInt32BE(crc32(wide.subarray(12, 29)), 29)
    writeFileSync(at('wide.png'), wide)
    await refused(
      upscale([at('wide.png')], 'b.png'),
      /wide\.png: expected at most 67108864 pixels, got 9000 x 8000/,
    )
    await save('long.png', 8200, 1)
    await refused(
      upscale([at('long.png')], 'b.webp'),
      /at most 16383 pixels a side in a webp file, got 16400 x 2/,
    )
  })

  it('outputs', async () => {
    const { at, save, upscale } = await setting()
    const input = await save('a.png')
    await refused(upscale([input], 'a.png', '--force'), /a path other than that of an input/)
    await refused(upscale([input], 'no/b.png'), /no: no such file/)
    await refused(
      upscale([input], 'b.gif'),
      /output: expected a name that ends in \.png, \.jpg, \.webp, \.tif, got .*b\.gif/,
    )
    await refused(
      upscale([input], 'b.png', '--format', 'webp'),
      /output: expected a name that ends in \.webp/,
    )
    await save('there.png')
    await refused(
      upscale([input], 'there.png'),
      /there\.png: expected a new name, or --force, got an existing file/,
    )
    mkdirSync(at('one'))
    mkdirSync(at('two'))
    const twins = [await save('one/x.png'), await save('two/x.png')]
    await refused(
      upscale(twins, 'out'),
      /input: expected names that differ in one folder, got .*x\.png and .*x\.png/,
    )
    await refused(upscale(twins, 'there.png', '--force'), /output: expected a folder for more than one image/)
  })

  it('scales, weights, tiles and references', async () => {
    const { at, save, upscale } = await setting()
    const input = await save('a.png')
    await refused(cli(['upscale', input, '-o', at('b.png'), '--scale', '5']), /--scale.*integer from 2 to 4/)
    await refused(
      upscale([input], 'b.png', '--weights', at('w4')),
      /w4: expected weights for scale 2, got weights for scale 4/,
    )
    await refused(upscale([input], 'b.png', '--weights', input), /a\.png: header length: expected/)
    await refused(upscale([input], 'b.png', '--tile', '50'), /--tile: expected a multiple of 8, got 50/)
    await refused(
      upscale([input], 'b.png', '--reference', input),
      /reference .*a\.png: expected 40 x 28 pixels, got 20 x 14/,
    )
    mkdirSync(at('truth'))
    await refused(
      upscale([input], 'b.png', '--reference', at('truth')),
      /reference: expected a folder with an image a, got/,
    )
    expect(existsSync(at('b.png'))).toBe(false)
  })

  it('a bad image among good ones: the others are made, exit 2', async () => {
    const { at, save, upscale } = await setting()
    mkdirSync(at('in'))
    await save('in/a.png')
    writeFileSync(at('in/b.png'), 'no image')
    await save('in/c.png', 8, 8)
    const { code, out, err } = await upscale([at('in')], 'out', '--json')
    expect(code).toBe(2)
    expect(err).toMatch(/in\/b\.png: .*something else/)
    expect(readdirSync(at('out'))).toEqual(['a.png', 'c.png'])
    const { images } = JSON.parse(out)
    expect(images.filter((image: object) => 'error' in image)).toHaveLength(1)
  })
})

it('Ctrl-C: exit 130, no file left', async () => {
  const { at, save } = await setting()
  const input = await save('a.png')
  mkdirSync(at('out'))
  const signal = AbortSignal.abort()
  const args = ['upscale', input, '-o', join(at('out'), 'b.png'), '--scale', '2', '--weights', at('w2')]
  const { code, err } = await cli(args, {}, signal)
  expect(code).toBe(130)
  expect(err).toMatch(/stopped/)
  expect(readdirSync(at('out'))).toEqual([])
})
