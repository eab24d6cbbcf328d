import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { InputError } from '../../errors.ts'
import { compile } from '../../state/fixtures/compile.ts'
import { openState } from '../../state/state.ts'
import { glyphs } from '../data/glyphs.ts'
import { planNetwork } from '../network.ts'
import { STATE_BUDGET } from './chain.ts'
import { fakeEngine, smallConfig } from './fixtures/fake.ts'
import { readPublic } from './public.ts'
import { trainRun } from './train.ts'
import { encodeState } from './weights.ts'

const root = mkdtempSync(join(tmpdir(), 'proofmark-run-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let count = 0
const fresh = (): string => join(root, `${count++}`)

const data = glyphs(3, 20)
const engine = fakeEngine()
const SEED = 'ab'.repeat(32)
/** Windows of 3, 3, 2 steps. */
const wanted = { config: smallConfig(), examples: 20, steps: 8, samplingSeed: SEED }
const train = (path: string, change: object = {}, options = {}, on = data) =>
  trainRun(engine, path, { ...wanted, ...change }, on, options)
const list = (path: string): string[] => readdirSync(path).sort()
const check = (path: string) => {
  const { run, data: commitment, commitments, proofs } = readPublic(path)
  const links = engine.verifier.verifyLinks(run, commitment, commitments, proofs)
  for (;;) {
    const next = links.next()
    if (next.done) return next.value
  }
}
/** Trains until a moment, then stops as a Ctrl-C would. */
const stopAt = async (path: string, when: (stage: string, proven: number) => boolean): Promise<void> => {
  const controller = new AbortController()
  const onProgress = (p: { stage: string; proven: number }) => {
    if (when(p.stage, p.proven)) controller.abort()
  }
  await expect(train(path, {}, { signal: controller.signal, onProgress })).rejects.toThrow()
}

describe('a run', () => {
  it('leaves commitments, proofs and the last two states; nothing public of the private parts', async () => {
    const path = fresh()
    const result = await train(path)
    expect(result).toMatchObject({ resumedAt: 0, securityBits: 100, seconds: { witness: 3 } })
    expect(list(path)).toEqual(['chain', 'data.commitment', 'private', 'proofs', 'run.json'])
    expect(list(join(path, 'chain'))).toEqual([0, 3, 6, 8].map(step => `0000000${step}.commitment`))
    expect(list(join(path, 'proofs'))).toEqual(
      ['00000000-00000003', '00000003-00000006', '00000006-00000008'].map(name => `${name}.proof`),
    )
    expect(list(join(path, 'private/weights'))).toEqual(['00000006.safetensors', '00000008.safetensors'])
    const log = readFileSync(join(path, 'private/log.jsonl'), 'utf8').trim().split('\n')
    expect(log.map(line => JSON.parse(line).step)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(JSON.parse(log[7] as string)).toMatchObject({ step: 7 })
    expect(result.latest).toMatchObject({ step: 8, accuracy: expect.any(Number) })
    expect(statSync(join(path, 'private')).mode & 0o077).toBe(0)
    for (const name of list(join(path, 'private/weights')))
      expect(statSync(join(path, 'private/weights', name)).mode & 0o077).toBe(0)
    expect(check(path)).toEqual({ ok: true, securityBits: 100 })
    // Every proof took one opening of each of its three commitments.
    const used = (name: string): number => openState(join(path, 'private', name)).used
    expect(used('data.state')).toBe(3)
    expect([0, 3, 6, 8].map(step => used(`chain/0000000${step}.state`))).toEqual([1, 2, 2, 1])
  })

  it('draws a seed unless it is given one, and other initial weights each time', async () => {
    const [a, b] = [fresh(), fresh()]
    await train(a, { samplingSeed: undefined })
    await train(b, { samplingSeed: undefined })
    const run = (path: string) => JSON.parse(readFileSync(join(path, 'run.json'), 'utf8'))
    expect(run(a)).toMatchObject({ examples: 20, steps: 8, config: { batch: 4, window: 3 } })
    expect(run(a).samplingSeed).not.toBe(run(b).samplingSeed)
    expect(readFileSync(join(a, 'private/weights/00000008.safetensors'))).not.toEqual(
      readFileSync(join(b, 'private/weights/00000008.safetensors')),
    )
    // Found again without naming the seed; there is nothing left to do.
    expect(await train(a, { samplingSeed: undefined })).toMatchObject({
      resumedAt: 8,
      securityBits: undefined,
    })
  })

  it('goes on where it was stopped, with the same numbers as without a stop', async () => {
    const straight = fresh()
    await stopAt(straight, stage => stage === 'train')
    const stopped = fresh()
    cpSync(straight, stopped, { recursive: true })
    const { state } = await train(straight)
    for (const moment of ['commit', 'train', 'prove', 'witness', 'open'])
      for (const at of [0, 3, 6]) await stopAt(stopped, (stage, proven) => stage === moment && proven >= at)
    const resumed = await train(stopped)
    expect(resumed.resumedAt).toBe(6)
    const network = planNetwork(wanted.config)
    expect(encodeState(network, resumed.state)).toEqual(encodeState(network, state))
    expect(check(stopped).ok).toBe(true)
    const log = readFileSync(join(stopped, 'private/log.jsonl'), 'utf8').trim().split('\n')
    expect(log.map(line => JSON.parse(line).step)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })
})

describe('refusals name what is wrong', () => {
  const path = fresh()
  beforeAll(() => stopAt(path, (stage, proven) => stage === 'train' && proven === 3))

  const cases: [string, object, RegExp][] = [
    [
      'another learning rate',
      { config: smallConfig({ learningRate: { initial: 0.2 } }) },
      /^config.learningRate.initial: expected 0.1, as in .*run.json, got 0.2/,
    ],
    [
      'another layer',
      { config: smallConfig({ layers: [{ kind: 'dense', units: 10 }] }) },
      /^config.layers\[0\].units: expected 8,/,
    ],
    ['another batch', { config: smallConfig({ batch: 5 }) }, /^config.batch: expected 4, .* got 5/],
    ['other steps', { steps: 9 }, /^steps: expected 8, .* got 9/],
    ['another seed', { samplingSeed: 'cd'.repeat(32) }, /^samplingSeed: expected "abab/],
    ['another number of examples', { examples: 19 }, /^examples: expected 20, .* got 19/],
  ]
  it.each(cases)('%s', async (_, change, message) => {
    await expect(train(path, change)).rejects.toThrow(InputError)
    await expect(train(path, change)).rejects.toThrow(message)
  })

  const altered = async (harm: (path: string) => void, message: RegExp, on = data): Promise<void> => {
    const copy = fresh()
    cpSync(path, copy, { recursive: true })
    harm(copy)
    await expect(train(copy, {}, {}, on)).rejects.toThrow(InputError)
    await expect(train(copy, {}, {}, on)).rejects.toThrow(message)
  }
  it('other data', () =>
    altered(() => {}, /^data: expected what .*data.commitment commits to/, glyphs(4, 20)))
  it('a damaged statement', () =>
    altered(
      p => writeFileSync(join(p, 'run.json'), '{}'),
      /run.json: expected the statement of a training run/,
    ))
  it('a damaged proof', () =>
    altered(
      p => copyFileSync(join(p, 'run.json'), join(p, 'proofs/00000000-00000003.proof')),
      /00000003.proof: expected a proof that holds \(remove it/,
    ))
  it('a damaged commitment', () =>
    altered(
      p => writeFileSync(join(p, 'data.commitment'), 'x'),
      /00000003.proof: expected a proof that holds/,
    ))
  it('a damaged state', () =>
    altered(p => writeFileSync(join(p, 'private/weights/00000003.safetensors'), 'x'), /00000003.safetensors/))
  it('missing weights', () =>
    altered(
      p => rmSync(join(p, 'private/weights/00000003.safetensors')),
      /the state before step 3, got no such file/,
    ))
  it('lost private state', () =>
    altered(
      p => rmSync(join(p, 'private/data.state'), { recursive: true }),
      /the private state of a commitment/,
    ))
  it('weights of another run', () =>
    altered(
      p =>
        copyFileSync(
          join(p, 'private/weights/00000000.safetensors'),
          join(p, 'private/weights/00000003.safetensors'),
        ),
      /state before step 3: expected what .* commits to, got something else/,
    ))
  it('a spent budget', () =>
    altered(p => {
      const state = join(p, 'private/chain/00000003.state')
      for (let i = 1; i < STATE_BUDGET; i++)
        writeFileSync(join(state, `claim-${String(i).padStart(7, '0')}`), '')
    }, /1 opening left in the commitment's budget, got 0 left/))
  it('a directory of something else', async () => {
    const other = fresh()
    mkdirSync(other)
    writeFileSync(join(other, 'letter.txt'), 'x')
    await expect(train(other)).rejects.toThrow(
      /a new or empty directory, or one with run.json, got one with letter.txt/,
    )
    expect(list(other)).toEqual(['letter.txt'])
  })

  it('more proofs than a data set can serve, before anything is written', async () => {
    const long = fresh()
    await expect(train(long, { steps: 3 * 4096 + 1 })).rejects.toThrow(
      /^steps: expected at most 12288: 4096 proofs of 3 steps, got 12289/,
    )
    expect(existsSync(long)).toBe(false)
  })

  it('a removed last proof is made again', async () => {
    const copy = fresh()
    cpSync(path, copy, { recursive: true })
    rmSync(join(copy, 'proofs/00000000-00000003.proof'))
    expect(await train(copy)).toMatchObject({ resumedAt: 0 })
    expect(check(copy).ok).toBe(true)
  })
})

describe('public files', () => {
  it('of an unfinished or incomplete chain say how far it reaches', async () => {
    const path = fresh()
    await stopAt(path, (stage, proven) => stage === 'train' && proven === 6)
    expect(readPublic(path)).toMatchObject({
      missing: 'proofs/00000006-00000008.proof',
      provenSteps: 6,
      steps: 8,
    })
    rmSync(join(path, 'chain/00000003.commitment'))
    expect(readPublic(path)).toMatchObject({ missing: 'chain/00000003.commitment', provenSteps: 0 })
    rmSync(join(path, 'data.commitment'))
    expect(() => readPublic(path)).toThrow(/ENOENT/)
  })
})

describe('kill -9', () => {
  const code = compile()
  const url = (file: string): string => JSON.stringify(pathToFileURL(join(code, file)).href)
  const script = `
    import { glyphs } from ${url('train/data/glyphs.js')}
    import { fakeEngine, smallConfig } from ${url('train/run/fixtures/fake.js')}
    import { trainRun } from ${url('train/run/train.js')}
    const wanted = { config: smallConfig(), examples: 20, steps: 36, samplingSeed: '${SEED}' }
    console.log('ready')
    await trainRun(fakeEngine(), process.argv[1], wanted, glyphs(3, 20))
    console.log('done')`

  it('at any moment leaves a run to go on with, and takes back no proof', async () => {
    const path = fresh()
    let before: string[] = []
    let finished = false
    for (let round = 0; round < 40 && !finished; round++) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let out = ''
      child.stdout.setEncoding('utf8').on('data', chunk => {
        out += chunk
      })
      await once(child.stdout, 'data', { signal: AbortSignal.timeout(40_000) })
      // From the first write of the directory to several windows on.
      const timer = setTimeout(() => child.kill('SIGKILL'), round < 8 ? 3 + 13 * round : 5000)
      await once(child, 'close')
      clearTimeout(timer)
      finished = out.includes('done')
      const proofs = existsSync(join(path, 'proofs'))
        ? list(join(path, 'proofs')).filter(n => !n.startsWith('.'))
        : []
      for (const name of before) expect(proofs).toContain(name)
      before = proofs
    }
    expect(finished).toBe(true)
    const { proofs, missing } = readPublic(path)
    expect(missing).toBeUndefined()
    expect(proofs.length).toBe(12)
    expect(check(path)).toMatchObject({ ok: true })
    // Every opening that a proof used was taken from the budget before.
    expect(openState(join(path, 'private/data.state')).used).toBeGreaterThanOrEqual(12)
  })
})
