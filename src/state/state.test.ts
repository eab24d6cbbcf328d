import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { InputError } from '../errors.ts'
import { compile } from './fixtures/compile.ts'
import {
  createState,
  newSeed,
  openState,
  REFRESH_OPENINGS,
  reserve,
  reserveRefresh,
  statePath,
} from './state.ts'

const root = mkdtempSync(join(tmpdir(), 'proofmark-state-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let count = 0

function fresh(budget: number): string {
  const path = statePath(join(root, `model${count++}`))
  createState(path, { seed: newSeed(), budget, commitment: Uint8Array.of(1, 2, 3) })
  return path
}

describe('state', () => {
  it('survives restarts: every call opens it anew', () => {
    const path = fresh(5)
    const { seed } = openState(path)
    expect(seed.length).toBe(32)
    expect(reserve(path, 1)).toEqual([0])
    expect(reserve(path, 2)).toEqual([1, 2])
    const state = openState(path)
    expect([state.used, state.remaining, state.budget]).toEqual([3, 2, 5])
    expect([...state.commitment]).toEqual([1, 2, 3])
    expect(state.seed).toEqual(seed)
  })

  it('refuses past the budget, takes nothing then, and says what to do', () => {
    const path = fresh(3)
    reserve(path, 2)
    expect(() => reserve(path, 2)).toThrow(InputError)
    expect(() => reserve(path, 2)).toThrow(/2 openings left .* got 1 left; run `proofmark refresh`/)
    expect(reserve(path, 1)).toEqual([2])
    expect(() => reserve(path, 1)).toThrow(/got 0 left; run `proofmark refresh`/)
    expect(openState(path).remaining).toBe(0)
  })

  it('keeps a few openings beyond the budget for refresh', () => {
    const path = fresh(2)
    expect(reserveRefresh(path)).toBe(2)
    expect(openState(path).remaining).toBe(2)
    expect(reserve(path, 2)).toEqual([0, 1])
    for (let i = 1; i < REFRESH_OPENINGS; i++) expect(reserveRefresh(path)).toBe(2 + i)
    expect(() => reserveRefresh(path)).toThrow(/commit the model again/)
  })

  it('is readable by its owner only', () => {
    const path = fresh(1)
    expect(statSync(path).mode & 0o077).toBe(0)
    for (const name of readdirSync(path)) expect(statSync(join(path, name)).mode & 0o077).toBe(0)
  })

  it('is never overwritten, whatever lies there', () => {
    const path = fresh(2)
    reserve(path, 1)
    const secret = { seed: newSeed(), budget: 9, commitment: Uint8Array.of() }
    expect(() => createState(path, secret)).toThrow(/never overwritten/)
    expect(openState(path).used).toBe(1)
    const file = join(root, 'file.state')
    writeFileSync(file, 'x')
    expect(() => createState(file, secret)).toThrow(/never overwritten/)
    expect(readFileSync(file, 'utf8')).toBe('x')
    expect(readdirSync(root).filter(name => name.endsWith('.tmp'))).toEqual([])
  })

  it('leaves nothing behind when it cannot be created', () => {
    const secret = { seed: newSeed(), budget: 1, commitment: Uint8Array.of() }
    expect(() => createState(join(root, 'no-such-directory', 'x.state'), secret)).toThrow(/ENOENT/)
    for (const budget of [0, 1.5, 2 ** 21, NaN])
      expect(() => createState(join(root, 'bad'), { ...secret, budget })).toThrow(InputError)
    expect(() => createState(join(root, 'bad'), { ...secret, seed: new Uint8Array(31) })).toThrow(InputError)
    expect(existsSync(join(root, 'bad'))).toBe(false)
  })

  it('refuses counts that are none', () => {
    const path = fresh(3)
    for (const wrong of [0, -1, 1.5, NaN]) expect(() => reserve(path, wrong)).toThrow(InputError)
    expect(openState(path).used).toBe(0)
  })
})

describe('a damaged state is an error and never starts again', () => {
  const damage: [string, (path: string) => void][] = [
    ['no directory', path => rmSync(path, { recursive: true })],
    ['no secret', path => unlinkSync(join(path, 'secret'))],
    ['empty secret', path => writeFileSync(join(path, 'secret'), '')],
    ['truncated secret', path => edit(path, text => text.slice(0, -5))],
    ['a changed budget', path => edit(path, text => text.replace('budget 3', 'budget 9'))],
    [
      'a changed seed',
      path => edit(path, text => text.replace(/seed ./, m => (m === 'seed 0' ? 'seed 1' : 'seed 0'))),
    ],
    ['text after the end', path => edit(path, text => `${text}\n`)],
    ['a later format', path => edit(path, text => text.replace('state-1', 'state-2'))],
    ['all claims swept away', path => clear(path)],
    ['a strange claim', path => writeFileSync(join(path, 'claim-x'), '')],
  ]
  function edit(path: string, change: (text: string) => string): void {
    const text = readFileSync(join(path, 'secret'), 'utf8')
    writeFileSync(join(path, 'secret'), change(text))
  }
  function clear(path: string): void {
    for (const name of readdirSync(path)) if (name.startsWith('claim')) unlinkSync(join(path, name))
  }
  it.each(damage)('%s', (_, harm) => {
    const path = fresh(3)
    reserve(path, 1)
    harm(path)
    expect(() => openState(path)).toThrow(InputError)
    expect(() => reserve(path, 1)).toThrow(InputError)
  })

  it('a claim deleted by hand is not given out again while a later one exists', () => {
    const path = fresh(5)
    reserve(path, 3)
    unlinkSync(join(path, 'claim-0000001'))
    expect(reserve(path, 1)).toEqual([3])
  })
})

describe('processes', () => {
  const code = compile(['.', 'state'])
  /** Reserves without end, printing each number as soon as it has it. */
  const loop = `
    import { reserve } from ${JSON.stringify(pathToFileURL(join(code, 'state', 'state.js')).href)}
    import { writeSync } from 'node:fs'
    for (;;) {
      let numbers
      try { numbers = reserve(process.argv[1], 1 + Math.floor(Math.random() * 2)) } catch (error) {
        writeSync(1, error.message.includes('proofmark refresh') ? 'refused\\n' : error.stack)
        break
      }
      for (const number of numbers) writeSync(1, number + '\\n')
    }`
  function start(path: string): ChildProcess {
    return spawn(process.execPath, ['--input-type=module', '-e', loop, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  }
  function lines(child: ChildProcess): AsyncIterable<string> {
    return createInterface({ input: child.stdout as NodeJS.ReadableStream })
  }

  it('killed at any moment, never see a number twice', async () => {
    const path = fresh(100_000)
    const seen = new Set<number>()
    for (let round = 0; round < 8; round++) {
      const child = start(path)
      let left = 1 + ((round * 7) % 20)
      for await (const line of lines(child)) {
        const number = Number(line)
        expect(Number.isInteger(number), line).toBe(true)
        expect(seen.has(number), `number ${number} twice`).toBe(false)
        seen.add(number)
        if (--left === 0) child.kill('SIGKILL')
      }
      const { used } = openState(path)
      for (const number of seen) expect(number).toBeLessThan(used)
    }
    expect(seen.size).toBeGreaterThan(8)
  })

  it('running at once, never share a number, and stop at the budget', async () => {
    const budget = 150
    const path = fresh(budget)
    const all = await Promise.all(
      [start(path), start(path), start(path)].map(async child => {
        const closed = once(child, 'close')
        const got: string[] = []
        for await (const line of lines(child)) got.push(line)
        await closed
        return got
      }),
    )
    const numbers = all.flatMap(got => got.slice(0, -1)).map(Number)
    for (const got of all) expect(got.at(-1)).toBe('refused')
    expect(new Set(numbers).size).toBe(numbers.length)
    expect(numbers.every(number => Number.isInteger(number) && number >= 0 && number < budget)).toBe(true)
    // A claim of two that meets the end of the budget loses at most one of them in each process.
    expect(numbers.length).toBeGreaterThanOrEqual(budget - 3)
    expect(openState(path).remaining).toBeLessThanOrEqual(1)
  })
})
