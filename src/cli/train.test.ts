/** The verb `train` and `verify` on a run directory, with a prover that only pretends. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { glyphs } from '../train/data/glyphs.ts'
import { fakeEngine } from '../train/run/fixtures/fake.ts'
import type { Api } from './api.ts'
import { cli as runCli, workspace } from './fixtures/capture.ts'
import { trainWith, verifyRunWith } from './training.ts'

const engine = fakeEngine()
const api: Partial<Api> = { train: trainWith(engine), verifyRun: verifyRunWith(engine) }
const { at } = workspace()
const cli = (...args: string[]) => runCli(args, api)
const quiet = (...args: string[]) => runCli([...args, '--quiet'], api)

const CONFIG = {
  input: { channels: 1, height: 12, width: 12 },
  classes: 10,
  layers: [{ kind: 'dense', units: 10 }],
  loss: 'softmax-cross-entropy',
  learningRate: { initial: 0.1 },
  batch: 4,
  window: 3,
}
const SEED = 'ab'.repeat(32)

function npy(descr: string, shape: string, data: Uint8Array): Uint8Array {
  const text = `${`{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(117)}\n`
  const head = Buffer.from('\x93NUMPY\x01\x00\x76\x00', 'latin1')
  return Buffer.concat([head, Buffer.from(text), data])
}

/** A folder of 30 drawn digits. */
function writeData(path: string, count = 30): void {
  const { pixels, labels } = glyphs(5, count)
  mkdirSync(path)
  writeFileSync(join(path, 'images.npy'), npy('|u1', `${count}, 12, 12`, pixels))
  writeFileSync(join(path, 'labels.npy'), npy('<u2', `${count},`, new Uint8Array(labels.buffer)))
}

const start = (run: string, ...more: string[]): string[] => [
  ...['train', at('config.json'), '--data', at('data'), '--hold-out', '10', '--steps', '8'],
  ...['--seed', SEED, '-o', at(run), ...more],
]

beforeAll(() => {
  writeData(at('data'))
  writeFileSync(at('config.json'), JSON.stringify(CONFIG))
})

describe('train', () => {
  it('trains, proves and says what came of it; again there is nothing to do', async () => {
    const first = await cli(...start('run'))
    expect(first.code).toBe(0)
    expect(first.out).toMatch(
      /^run +.*run\nsteps +8\ntraining +loss \d\.\d+, accuracy \d+\.\d % in the last steps\ntest +loss \d+\.\d+, accuracy \d+\.\d % of 10 examples\nproofs +3, .* a step\nprove +3.0 s, 375 ms a step\n$/,
    )
    expect(first.err).toMatch(/^train: 0 %, open\n/)
    expect(JSON.parse(readFileSync(at('run/run.json'), 'utf8'))).toMatchObject({
      examples: 20,
      samplingSeed: SEED,
      steps: 8,
    })
    const again = await quiet(...start('run', '--json'))
    expect(JSON.parse(again.out)).toMatchObject({ ok: true, resumed_at: 8, proofs: 3, test_examples: 10 })
  })

  it('shows loss, accuracy and time left as it goes', async () => {
    const lines: string[] = []
    const job = {
      signal: new AbortController().signal,
      onProgress: (p: { detail?: string }) => lines.push(p.detail ?? ''),
    }
    await (api.train as Api['train'])(
      { config: at('config.json'), data: at('data'), steps: 8, output: at('shown'), proof: true },
      job,
    )
    expect(lines[0]).toBe('open')
    expect(lines.at(-1)).toMatch(/^step 8, loss \d\.\d{3}, accuracy \d+\.\d %, done$/)
  })

  it('takes batch and window from the command line before the configuration', async () => {
    expect((await quiet(...start('other', '--batch', '5', '--prove-every', '4'))).code).toBe(0)
    expect(JSON.parse(readFileSync(at('other/run.json'), 'utf8')).config).toMatchObject({
      batch: 5,
      window: 4,
    })
    expect(readdirSync(at('other/proofs'))).toEqual(['00000000-00000004.proof', '00000004-00000008.proof'])
  })

  it('without proof keeps nothing', async () => {
    const { code, out } = await quiet(
      'train',
      at('config.json'),
      '--data',
      at('data'),
      '--steps',
      '8',
      '--no-proof',
      '--json',
    )
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ ok: true, steps: 8, train_loss: expect.any(Number) })
    expect(JSON.parse(out)).not.toHaveProperty('proofs')
  })

  it('tests on other data where it is named', async () => {
    writeData(at('more'), 12)
    const args = ['train', at('config.json'), '--data', at('data'), '--steps', '3', '--no-proof', '--json']
    const { out } = await quiet(...args, '--test-data', at('more'))
    expect(JSON.parse(out)).toMatchObject({ test_examples: 12, test_accuracy: expect.any(Number) })
  })

  it('demonstrates itself', async () => {
    const { code, out } = await quiet('train', '--demo', '--steps', '16', '--prove-every', '8', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      steps: 16,
      proofs: 2,
      test_examples: 200,
      verify_seconds: expect.any(Number),
    })
  })

  it('stopped by Ctrl-C, goes on where it was', async () => {
    const controller = new AbortController()
    const stopping: typeof engine = {
      ...engine,
      prover: {
        ...engine.prover,
        proveWindow: async (backend, request, options) => {
          if (request.firstStep === 3) controller.abort()
          await options.onStage?.('witness', 0, 1)
          return engine.prover.proveWindow(backend, request, options)
        },
      },
    }
    const stopped = await runCli(start('stopped'), { train: trainWith(stopping) }, controller.signal)
    expect(stopped).toMatchObject({ code: 130, out: '' })
    expect(stopped.err).toMatch(/proofmark: stopped\n$/)
    expect(readdirSync(at('stopped/proofs'))).toEqual(['00000000-00000003.proof'])
    const resumed = await quiet(...start('stopped', '--json'))
    expect(JSON.parse(resumed.out)).toMatchObject({ resumed_at: 3, proofs: 3 })
    expect((await quiet('verify', at('stopped'))).code).toBe(0)
  })

  it.each<[string, string[], RegExp]>([
    ['no steps', ['--steps', '0'], /integer from 1 to 16777216/],
    ['no batch', ['--batch', '0'], /integer from 1 to 65536/],
    [
      'a batch larger than the data',
      ['--batch', '21'],
      /batch: expected an integer from 1 to the 20 examples .* got 21/,
    ],
    ['a window of nothing', ['--prove-every', '0'], /integer from 1 to 1024/],
    ['a short seed', ['--seed', 'abcd'], /32 bytes in hex/],
    ['all data held out', ['--hold-out', '30'], /--hold-out: expected fewer than the 30 examples .* got 30/],
    ['two test sets', ['--test-data', 'x'], /--hold-out: expected none beside --test-data/],
    ['no such data', ['--data', '/no/such'], /\/no\/such: no such file/],
    ['an unknown option', ['--stepz', '3'], /unknown option/],
  ])('%s is bad input', async (_, change, message) => {
    const { code, err, out } = await quiet(...start('never', ...change))
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(message)
    expect(existsSync(at('never'))).toBe(false)
  })

  it.each<[string, object, RegExp]>([
    ['an unknown field', { epochs: 3 }, /config2.json: description: .*epochs/],
    [
      'a rate that is none',
      { learningRate: { initial: 0 } },
      /config2.json: learningRate.initial: expected a training description/,
    ],
    ['layers that do not fit', { layers: [{ kind: 'dense', units: 3 }] }, /layers: expected 10 units/],
    [
      'fewer classes',
      { classes: 2, layers: [{ kind: 'dense', units: 2 }] },
      /labels from 0 to 1, as in the configuration, got 2 at example 2/,
    ],
    ['another image size', { input: { channels: 1, height: 10, width: 12 } }, /images of 1 x 10 x 12/],
  ])('%s in the configuration is named', async (_, change, message) => {
    writeFileSync(at('config2.json'), JSON.stringify({ ...CONFIG, ...change }))
    const [verb, , ...rest] = start('never')
    const { code, err } = await quiet(verb as string, at('config2.json'), ...rest)
    expect(code).toBe(2)
    expect(err).toMatch(message)
    expect(existsSync(at('never'))).toBe(false)
  })

  it('needs its arguments, and the demonstration none', async () => {
    const config = at('config.json')
    for (const [args, message] of [
      [[], /argument 'config' \(or --demo\) is missing/],
      [[config], /option '--data <path>' is missing/],
      [[config, '--data', 'x'], /option '--steps <n>' is missing/],
      [[config, '--data', 'x', '--steps', '1'], /option '-o, --output <dir>' is missing/],
      [[config, '--demo'], /config: expected nothing: the demonstration brings its own/],
      [['--demo', '--data', 'x'], /data: expected nothing/],
    ] as const) {
      const { code, err } = await cli('train', ...args)
      expect(code).toBe(2)
      expect(err).toMatch(message)
    }
  })

  it('refuses a directory of another run', async () => {
    const { code, err } = await quiet(...start('run', '--steps', '9'))
    expect(code).toBe(2)
    expect(err).toMatch(/steps: expected 8, as in .*run.json, got 9/)
  })
})

describe('verify on a run directory', () => {
  const copy = (name: string): string => {
    cpSync(at('run'), at(name), { recursive: true })
    // What the public gets.
    rmSync(at(`${name}/private`), { recursive: true })
    return at(name)
  }

  it('accepts the public files alone', async () => {
    const { code, out } = await quiet('verify', copy('public'), '--json')
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      steps: 8,
      examples: 20,
      proofs: 3,
      sampling_seed: SEED,
      security_bits: 100,
    })
    const last = at('public/chain/00000008.commitment')
    expect((await quiet('verify', at('public'), '--commitment', last)).code).toBe(0)
    const first = at('public/chain/00000003.commitment')
    const other = await quiet('verify', at('public'), '--commitment', first)
    expect(other).toMatchObject({
      code: 1,
      out: 'REJECTED at commitment: the chain ends in another commitment\n',
    })
  })

  it('names the first link that is missing or wrong', async () => {
    const gap = copy('gap')
    rmSync(join(gap, 'proofs/00000003-00000006.proof'))
    expect((await quiet('verify', gap)).out).toBe(
      'REJECTED at proofs/00000003-00000006.proof: there is no such file; steps 0 to 3 of 8 are proven\n',
    )
    const none = copy('none')
    rmSync(join(none, 'proofs/00000000-00000003.proof'))
    expect((await quiet('verify', none)).out).toMatch(/no such file; no step is proven/)
    const swapped = copy('swapped')
    cpSync(join(swapped, 'proofs/00000000-00000003.proof'), join(swapped, 'proofs/00000003-00000006.proof'))
    const rejected = await quiet('verify', swapped)
    expect(rejected).toMatchObject({ code: 1, out: expect.stringMatching(/^REJECTED at proof 1/) })
    const statement = copy('statement')
    writeFileSync(join(statement, 'run.json'), '{}')
    expect(await quiet('verify', statement)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/statement of a training run/),
    })
  })

  it('tells a run from other directories and from proofs', async () => {
    mkdirSync(at('empty'))
    expect(await quiet('verify', at('empty'))).toMatchObject({
      code: 2,
      err: expect.stringMatching(/run.json: no such file/),
    })
    expect((await quiet('verify', at('config.json'))).err).toMatch(/--commitment/)
  })
})
