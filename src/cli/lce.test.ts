import { mkdirSync, writeFileSync } from 'node:fs'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { cli, workspace } from './fixtures/capture.ts'

describe('lce info', () => {
  it('lists the sizes with their parameters', async () => {
    const { code, out } = await cli(['lce', 'info'])
    expect(code).toBe(0)
    expect(out).toMatch(/^tiny +195.1 k parameters, 54.2 k of them the Corrector's/)
    expect(out).toMatch(/full +14.5 M/)
    const report = JSON.parse((await cli(['lce', 'info', '--json'])).out)
    expect(report.sizes.map((s: { size: string }) => s.size)).toEqual(['tiny', 'small', 'full'])
  })
})

describe('lce train refuses', () => {
  const { at } = workspace()
  mkdirSync(at('empty'))
  mkdirSync(at('used'))
  mkdirSync(at('images'))
  writeFileSync(at('used/file'), '')
  const photo = sharp({ create: { width: 80, height: 80, channels: 3, background: '#456' } }).toFile(
    at('images/a.png'),
  )
  const train = async (more: Record<string, string>, ...flags: string[]) => {
    await photo
    const given = { data: 'images', validation: 'images', output: 'out', ...more }
    const paths = Object.entries(given).flatMap(([key, name]) => [`--${key}`, at(name)])
    return cli(['lce', 'train', ...paths, ...flags])
  }
  const cases: [string, Record<string, string>, string[], RegExp][] = [
    ['an unknown scale', {}, ['--scale', '5'], /scale: expected one of 2, 3, 4, got 5/],
    ['an unknown size', {}, ['--scale', '2', '--size', 'huge'], /Allowed choices are tiny, small, full/],
    [
      'a patch that windows do not fill',
      {},
      ['--scale', '2', '--patch', '20'],
      /--patch: expected a multiple of 8/,
    ],
    [
      'a folder in use',
      { output: 'used' },
      ['--scale', '2'],
      /used: expected a new or empty directory, or --resume/,
    ],
    ['to resume nothing', {}, ['--scale', '2', '--resume'], /out: expected a directory with a checkpoint/],
    [
      'an empty folder of photographs',
      { data: 'empty' },
      ['--scale', '2'],
      /empty: expected a folder with images/,
    ],
    ['small validation images', {}, ['--scale', '2'], /images: expected an image of at least 128 pixels/],
  ]
  it.each(cases)('%s', async (_, more, flags, message) => {
    const { code, err } = await train(more, ...flags)
    expect(err).toMatch(message)
    expect(code).toBe(2)
  })
})
