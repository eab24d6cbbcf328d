/** Proven training end to end: killed while it trains and while it proves, gone on with, and verified. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../src/cli/api.ts'
import { cli as runCli } from '../src/cli/fixtures/capture.ts'
import { encodeRaw } from '../src/import/safetensors-raw.ts'
import { compile } from '../src/state/fixtures/compile.ts'
import { openState } from '../src/state/state.ts'
import { glyphs } from '../src/train/data/glyphs.ts'

const dir = mkdtempSync(join(tmpdir(), 'proofmark-train-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const at = (name: string): string => join(dir, name)
const json = async (...args: string[]) => {
  const { code, out } = await runCli([...args, '--quiet', '--json'], api)
  return { code, value: JSON.parse(out) as Record<string, unknown> }
}

const code = compile()
symlinkSync(resolve('native'), join(code, '..', 'native'))

const CONFIG = {
  input: { channels: 1, height: 12, width: 12 },
  classes: 10,
  layers: [{ kind: 'dense', units: 4 }, { kind: 'relu' }, { kind: 'dense', units: 10 }],
  loss: 'softmax-cross-entropy',
  optimizer: { momentum: 0.5, weightDecay: 0.01 },
  learningRate: { initial: 0.05 },
  batch: 4,
  window: 2,
}
/** Windows of 2, 2 and 1 steps. */
const TRAIN = [
  'train',
  at('config.json'),
  '--data',
  at('data.safetensors'),
  '--hold-out',
  '4',
  '--steps',
  '5',
  '-o',
  at('run'),
]

beforeAll(() => {
  writeFileSync(at('config.json'), JSON.stringify(CONFIG))
  const { pixels, labels } = glyphs(1, 24)
  const tensors = new Map([
    ['images', { dtype: 'U8', shape: [24, 12, 12], bytes: pixels }],
    ['labels', { dtype: 'U16', shape: [24], bytes: new Uint8Array(labels.buffer) }],
  ])
  writeFileSync(at('data.safetensors'), encodeRaw(tensors))
})

/** Starts the command line in a process of its own and kills it as soon as `when` holds. */
async function killed(when: () => boolean): Promise<void> {
  const child = spawn(process.execPath, [join(code, 'cli', 'main.js'), ...TRAIN, '--quiet'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const timer = setInterval(() => {
    if (when()) child.kill('SIGKILL')
  }, 1)
  const [, signal] = await once(child, 'close')
  clearInterval(timer)
  expect(signal).toBe('SIGKILL')
}
const has = (name: string): boolean => existsSync(at(`run/${name}`))

test('a run killed at every stage is gone on with, loses no proof and verifies', async () => {
  await killed(() => has('private/data.state'))
  // A claim is written before the prover starts.
  await killed(() => has('private/chain/00000002.state/claim-0000000'))
  expect(readdirSync(at('run/proofs')).filter(name => name.endsWith('.proof'))).toEqual([])
  await killed(() => has('private/chain/00000004.state'))
  const first = readFileSync(at('run/proofs/00000000-00000002.proof'))
  const { code: exit, value } = await json(...TRAIN)
  expect(exit).toBe(0)
  expect(value).toMatchObject({ steps: 5, resumed_at: 2, proofs: 3, test_examples: 4 })
  expect(value.security_bits).toBeGreaterThanOrEqual(100)
  expect(readFileSync(at('run/proofs/00000000-00000002.proof'))).toEqual(first)
  // The trained network answers under the commitment that the chain ends in.
  const last = at('run/chain/00000005.commitment')
  for (const flags of [[], ['--private-input']]) {
    const images = ['--data', at('data.safetensors'), '--first', '20', '--count', '4', ...flags]
    const classified = await json('classify', at('run'), ...images, '-o', at('classes.proof'))
    expect(classified).toMatchObject({ code: 0, value: { commitment: last } })
    const { classes } = classified.value
    expect((classes as number[]).length).toBe(4)
    const checked = await json('verify', at('classes.proof'), '--commitment', last)
    expect(checked).toMatchObject({ code: 0, value: { ok: true, classes } })
    expect(checked.value.images === null).toBe(flags.length > 0)
    const other = at('run/chain/00000004.commitment')
    expect(await json('verify', at('classes.proof'), '--commitment', other)).toMatchObject({
      code: 1,
      value: { at: 'statement/commitment' },
    })
  }
  expect(openState(at('run/private/chain/00000005.state')).used).toBeGreaterThanOrEqual(3)
  rmSync(at('run/private'), { recursive: true })
  const gone = await json('classify', at('run'), '--data', at('data.safetensors'), '-o', at('never'))
  expect(gone).toMatchObject({
    code: 2,
    value: { error: { message: expect.stringMatching(/private part of the run/) } },
  })
  expect(await json('verify', at('run'))).toMatchObject({
    code: 0,
    value: { ok: true, steps: 5, examples: 20, batch: 4 },
  })
}, 240_000)

/** Changes the text of a public file. */
const edit = (file: string, change: (text: string) => string) => (run: string) =>
  writeFileSync(join(run, file), change(readFileSync(join(run, file), 'utf8')))
const statement = (field: RegExp, value: string) =>
  edit('run.json', text => text.replace(field, `$1${value}`))
const copy = (from: string, to: string) => (run: string) => cpSync(join(run, from), join(run, to))
const first = 'proofs/00000000-00000002.proof'
const second = 'proofs/00000002-00000004.proof'
const third = 'proofs/00000004-00000005.proof'

test.each<[string, ((run: string) => void)[], RegExp]>([
  ['a proof of other steps', [copy(first, second)], /^steps 2 to 4/],
  [
    'a step left out',
    [copy(third, second), copy('chain/00000005.commitment', 'chain/00000004.commitment')],
    /^steps 2 to 4/,
  ],
  ['a missing link', [run => rmSync(join(run, 'chain/00000004.commitment'))], /^chain.00000004.commitment$/],
  [
    'other data',
    [edit('data.commitment', text => text.replace(/("root":")[^"]*/, `$1${'01'.repeat(20)}`))],
    /^steps 0 to 2.*/,
  ],
  ['another learning rate', [statement(/("initial":)[0-9.]+/, '0.06')], /^steps 0 to 2: statement.config/],
  ['no weight decay', [statement(/("weightDecay":)[0-9.]+/, '0')], /^steps 0 to 2: statement.config/],
  [
    'another seed',
    [statement(/("samplingSeed":")[0-9a-f]{4}/, '0123')],
    /^steps 0 to 2: statement.samplingSeed/,
  ],
  [
    'another number of steps',
    [statement(/("steps":)5/, '6')],
    /^steps 4 to 6: statement.after|^proofs.00000004-00000006/,
  ],
])('%s is rejected, and named', async (name, harm, where) => {
  const run = at(name.replaceAll(' ', '-'))
  cpSync(at('run'), run, { recursive: true })
  for (const change of harm) change(run)
  const { code: exit, value } = await json('verify', run)
  expect(exit).toBe(1)
  expect(value.at).toMatch(where)
})

/** Where the README's names lie; its run is of one step here. */
const PLACES: { readonly [name: string]: string } = {
  'path/to/mnist': 'mnist',
  run: 'readme',
  'classes.proof': 'answer',
  'run/chain/00001000.commitment': 'readme/chain/00000001.commitment',
}

test("the README's commands run", async () => {
  const section =
    /## Prove a training run\n[\s\S]*?```sh\n([\s\S]*?)```/.exec(readFileSync('README.md', 'utf8'))?.[1] ?? ''
  const commands = section.trim().split('\n')
  expect(commands.length).toBe(5)
  // 28 x 28 images: digits of 12 x 12, twice as large, in MNIST's format and under its names.
  const count = 2100
  const { pixels, labels } = glyphs(2, count)
  const images = Buffer.alloc(16 + count * 784)
  images.set([0, 0, 8, 3])
  for (const [i, extent] of [count, 28, 28].entries()) images.writeUInt32BE(extent, 4 + 4 * i)
  for (let i = 0; i < count; i++)
    for (let p = 0; p < 24 * 24; p++) {
      const [y, x] = [Math.floor(p / 24), p % 24]
      images[16 + i * 784 + (y + 2) * 28 + x + 2] = pixels[i * 144 + (y >> 1) * 12 + (x >> 1)] as number
    }
  const names = Buffer.concat([
    Uint8Array.of(0, 0, 8, 1, 0, 0, count >> 8, count & 255),
    Uint8Array.from(labels),
  ])
  mkdirSync(at('mnist'))
  writeFileSync(at('mnist/train-images-idx3-ubyte'), images)
  writeFileSync(at('mnist/train-labels-idx1-ubyte'), names)
  for (const command of commands) {
    const [, name, ...args] = command.split(' ')
    expect(name).toBe('proofmark')
    const small = args[0] === 'train' ? ['--steps', '1', '--prove-every', '1'] : []
    const places = args.map(arg => (PLACES[arg] === undefined ? arg : at(PLACES[arg])))
    const { code: exit, value } = await json(...places, ...small)
    expect(value).not.toHaveProperty('error')
    expect(exit, command).toBe(0)
    if (args[0] === 'train') expect(value).toMatchObject({ ok: true, steps: 1, proofs: 1 })
  }
}, 240_000)
