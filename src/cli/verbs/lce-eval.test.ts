import { mkdirSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { encodePicture } from '../../image/codec.ts'
import { waves } from '../../image/testing.ts'
import { type LceConfig, method } from '../../models/lce/config.ts'
import { lceGraph } from '../../models/lce/network.ts'
import { writeWeights } from '../../models/lce/weights.ts'
import { cli, workspace } from '../fixtures/capture.ts'

const { at } = workspace()
mkdirSync(at('set'))
mkdirSync(at('networks'))
mkdirSync(at('empty'))
const picture = encodePicture({ colour: waves(45, 34), depth: 8, format: 'png' })

function save(name: string, more: Partial<LceConfig>): void {
  const config: LceConfig = { ...method, size: 'tiny', scale: 2, ...more }
  mkdirSync(at(`networks/${name}`))
  const tensors = lceGraph(config, 8, 8).parameters.draw(3)
  writeWeights(at(`networks/${name}/model.safetensors`), { config, tensors })
}
save('x2', {})
save('x2-plain', { corrector: 'none' })
save('x2-flat', { frequency: 'none' })
save('x4', { scale: 4 })

const evaluate = async (...more: string[]) => {
  writeFileSync(at('set/a.png'), await picture)
  return cli(['lce', 'eval', '--set', at('set'), '--weights', at('networks'), '--scale', ...more])
}

it('measures every row there are weights for, and says why not the others', async () => {
  const { code, out, err } = await evaluate(
    '2',
    '--ablation',
    'no-frequency',
    '--ablation',
    'no-attention',
    '--json',
  )
  expect(code).toBe(0)
  expect(err).toMatch(/restoring: 0 %/)
  const report = JSON.parse(out)
  for (const row of ['bicubic', 'filter', 'baseline', 'lce', 'oracle', 'no-frequency'])
    expect(report[row]).toMatchObject({ psnr: expect.any(Number), ssim: expect.any(Number) })
  expect(report['no-attention']).toBeNull()
  expect(report.missing['no-attention']).toMatch(/no weights for x2 with .*attention false/)
  expect(Object.keys(report.notes)).toEqual(['filter', 'oracle'])
  // The filter knows the blur: it comes nearer to the unblurred image than what came in.
  expect(report.filter.correctedPsnr).toBeGreaterThan(report.bicubic.correctedPsnr + 3)
  expect(report.baseline).not.toHaveProperty('correctedPsnr')
})

it('measures the mean over turned forms', async () => {
  const [once, turned] = await Promise.all([evaluate('2', '--json'), evaluate('2', '--json', '--ensemble')])
  const [a, b] = [JSON.parse(once.out), JSON.parse(turned.out)]
  expect([a.ensemble, b.ensemble]).toEqual([false, true])
  expect(b.bicubic).toEqual(a.bicubic)
  // What fresh networks add is noise, which the mean of eight makes less.
  expect(b.lce.psnr).toBeGreaterThan(a.lce.psnr)
})

it('prints a table', async () => {
  const { code, out } = await evaluate('4', '-q')
  expect(code).toBe(0)
  expect(out).toMatch(/^bicubic +\d+\.\d\d dB {2}SSIM [\d.]+ {3}CLR \d+\.\d\d dB$/m)
  expect(out).toMatch(/^LCE with the true CLR .* CLR exact/m)
  expect(out).toMatch(/^network without Corrector +not measured: no weights for x4/m)
})

it('refuses', async () => {
  expect(await evaluate('7')).toMatchObject({
    code: 2,
    err: expect.stringMatching(/--scale.*integer from 2 to 4/),
  })
  expect(await evaluate('2', '--ablation', 'all')).toMatchObject({
    code: 2,
    err: expect.stringMatching(/one of no-clr/),
  })
  const empty = await cli(['lce', 'eval', '--set', at('empty'), '--scale', '2'])
  expect(empty).toMatchObject({ code: 2, err: expect.stringMatching(/empty: expected a folder with images/) })
})
