import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openState } from '../state/state.ts'
import type { Api, CommitRequest, ProveRequest, RefreshRequest } from './api.ts'
import { cli, workspace } from './fixtures/capture.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Library functions that answer with constants, and remember what they were asked. */
function library() {
  const asked: {
    commit: CommitRequest[]
    prove: ProveRequest[]
    refresh: RefreshRequest[]
    numbers: number[]
  } = {
    commit: [],
    prove: [],
    refresh: [],
    numbers: [],
  }
  const api: Partial<Api> = {
    async commit(request) {
      asked.commit.push(request)
      return { bytes: bytes('public'), digest: Uint8Array.of(7, 8) }
    },
    async prove(request) {
      asked.prove.push(request)
      asked.numbers.push(request.reserve().number)
      return { bytes: bytes('proof'), text: ' is wide', promptTokens: [1], tokens: [2, 3] }
    },
    async refresh(request) {
      asked.refresh.push(request)
      asked.numbers.push(request.reserve().number)
      return { bytes: bytes('public 2'), digest: Uint8Array.of(9) }
    },
  }
  return { asked, api }
}

const proveArgs = (model: string, out: string) => [
  'prove',
  model,
  '--prompt',
  'The sea',
  '--max-new-tokens',
  '2',
  '-o',
  out,
]

describe('commit', () => {
  it('writes the commitment and its state, and never over an existing one', async () => {
    const { model, at } = workspace()
    const { asked, api } = library()
    const result = await cli(['commit', model, '-o', at('c'), '--budget', '3', '--json'], api)
    expect(result.code).toBe(0)
    expect(JSON.parse(result.out)).toEqual({
      digest: '0708',
      commitment: at('c'),
      state: at('c.state'),
      budget: 3,
    })
    expect(readFileSync(at('c'), 'utf8')).toBe('public')
    const state = openState(at('c.state'))
    expect(state).toMatchObject({ budget: 3, used: 0 })
    expect(Buffer.from(state.seed)).toEqual(Buffer.from(asked.commit[0]?.seed ?? []))
    expect(asked.commit[0]?.openings).toBe(7)

    const again = await cli(['commit', model, '-o', at('c')], api)
    expect(again).toMatchObject({ code: 2, out: '' })
    expect(asked.commit.length).toBe(1)
    expect(openState(at('c.state')).seed).toEqual(state.seed)
  })

  it('refuses before it works: no directory, a directory in the way, an orphaned state', async () => {
    const { model, at } = workspace()
    const { asked, api } = library()
    expect((await cli(['commit', model, '-o', at('no/c')], api)).err).toMatch(/no: no such file/)
    expect((await cli(['commit', model, '-o', model], api)).err).toMatch(/a file or a new name/)
    mkdirSync(at('d.state'))
    expect((await cli(['commit', model, '-o', at('d')], api)).err).toMatch(/no state there yet/)
    expect(asked.commit.length).toBe(0)
  })

  it('leaves nothing behind when it is stopped', async () => {
    const { root, model, at } = workspace()
    const controller = new AbortController()
    const commit: Api['commit'] = async () => {
      controller.abort()
      return { bytes: bytes('public'), digest: Uint8Array.of() }
    }
    expect((await cli(['commit', model, '-o', at('c')], { commit }, controller.signal)).code).toBe(130)
    expect(readdirSync(root).sort()).toEqual(['model', 'text.txt'])
  })
})

describe('prove', () => {
  it('takes one opening for each proof, and stops at the budget before any work', async () => {
    const { model, at } = workspace()
    const { asked, api } = library()
    await cli(['commit', model, '--budget', '2'], api)
    const first = await cli(proveArgs(model, at('p')), api)
    expect(first).toMatchObject({ code: 0, err: '' })
    expect(first.out).toMatch(/answer +is wide\nproof .*p \(5 B\)\nbudget +1 of 2 proofs left\n/)
    expect(readFileSync(at('p'), 'utf8')).toBe('proof')
    const second = await cli([...proveArgs(model, at('p')), '--json', '--private-input'], api)
    expect(JSON.parse(second.out)).toMatchObject({ text: ' is wide', tokens: [2, 3], bytes: 5, remaining: 0 })
    expect(asked.numbers).toEqual([0, 1])
    expect(asked.prove.map(request => request.privateInput)).toEqual([false, true])
    expect([...(asked.prove[0]?.digest ?? [])]).toEqual([7, 8])
    const third = await cli(proveArgs(model, at('p')), api)
    expect(third).toMatchObject({ code: 2, out: '' })
    expect(third.err).toMatch(/proofmark refresh/)
    expect(asked.prove.length).toBe(2)
  })

  it('never writes over the commitment or into its state', async () => {
    const { model, at } = workspace()
    const { asked, api } = library()
    await cli(['commit', model, '-o', at('c')], api)
    for (const out of [at('c'), at('c.state'), join(at('c.state'), 'secret'), join(at('c.state'), 'new')])
      expect(await cli([...proveArgs(model, out), '--commitment', at('c')], api)).toMatchObject({
        code: 2,
        out: '',
      })
    expect(asked.prove.length).toBe(0)
    expect(readFileSync(at('c'), 'utf8')).toBe('public')
    expect(openState(at('c.state')).used).toBe(0)
  })

  it('needs the private state', async () => {
    const { model, at } = workspace()
    writeFileSync(at('c'), 'public')
    const result = await cli([...proveArgs(model, at('p')), '--commitment', at('c')], library().api)
    expect(result).toMatchObject({ code: 2 })
    expect(result.err).toMatch(/private state of a commitment/)
  })

  it('a stopped run keeps its opening, and writes nothing', async () => {
    const { model, at } = workspace()
    const { api } = library()
    await cli(['commit', model, '-o', at('c')], api)
    const controller = new AbortController()
    const prove: Api['prove'] = async request => {
      request.reserve()
      controller.abort()
      return { bytes: bytes('proof'), text: '', promptTokens: [], tokens: [] }
    }
    const result = await cli(
      [...proveArgs(model, at('p')), '--commitment', at('c')],
      { prove },
      controller.signal,
    )
    expect(result.code).toBe(130)
    expect(existsSync(at('p'))).toBe(false)
    expect(openState(at('c.state')).used).toBe(1)
  })
})

describe('refresh', () => {
  it('opens the old commitment beyond its budget and makes a new one', async () => {
    const { model, at } = workspace()
    const { asked, api } = library()
    await cli(['commit', model, '-o', at('c'), '--budget', '5'], api)
    const result = await cli(['refresh', model, '--commitment', at('c'), '-o', at('d'), '--json'], api)
    expect(JSON.parse(result.out)).toMatchObject({ commitment: at('d'), refreshes: at('c'), budget: 5 })
    expect(asked.numbers).toEqual([5])
    expect(openState(at('c.state')).used).toBe(0)
    const [request] = asked.refresh
    expect(Buffer.from(openState(at('d.state')).seed)).toEqual(Buffer.from(request?.seed ?? []))
    expect(request?.seed).not.toEqual(openState(at('c.state')).seed)
    expect((await cli(['refresh', model, '--commitment', at('c'), '-o', at('c')], api)).code).toBe(2)
  })
})

describe('verify', () => {
  const verify =
    (ok: boolean): Api['verify'] =>
    async ({ proof }) =>
      ok
        ? { ok: true, proofBytes: proof.length, model: 'm' }
        : { ok: false, at: 'layer3/softmax/S4', reason: 'sum \u001b[0m' }

  it('exits 0 on a proof that holds and 1 on one that does not', async () => {
    const { at } = workspace()
    const args = ['verify', at('text.txt'), '--commitment', at('text.txt')]
    expect(await cli(args, { verify: verify(true) })).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(/^ACCEPTED\n/),
    })
    const bad = await cli(args, { verify: verify(false) })
    expect(bad).toEqual({ code: 1, err: '', out: 'REJECTED at layer3/softmax/S4: sum \\u{1b}[0m\n' })
    const json = await cli([...args, '--json'], { verify: verify(false) })
    expect(json.code).toBe(1)
    expect(JSON.parse(json.out)).toMatchObject({ ok: false, at: 'layer3/softmax/S4' })
  })

  it('tells a missing proof from a rejected one', async () => {
    const { at } = workspace()
    const result = await cli(['verify', at('gone'), '--commitment', at('text.txt')], { verify: verify(true) })
    expect(result).toMatchObject({ code: 2, err: `proofmark: ${at('gone')}: no such file or directory\n` })
  })
})

describe('the other verbs', () => {
  it('pass their arguments on and print what comes back', async () => {
    const { model, at } = workspace()
    const api: Partial<Api> = {
      inspect: async request => ({ family: 'gpt2', parameters: 5, layers: 1, ...request }),
      calibrate: async request => ({ files: [], ...request }),
      generate: async request => ({ text: `${request.prompt}\u0007!`, promptTokens: [], tokens: [] }),
      explain: async ({ proof }) => ({ lines: [`${proof.length} bytes`] }),
      demo: async job => {
        job.onProgress({ stage: 'proving', done: 1, total: 2 })
        return { ok: true, lines: ['fine'] }
      },
    }
    expect((await cli(['inspect', model], api)).out).toMatch(/family +gpt2\nparameters +5\n/)
    const calibrate = ['calibrate', model, '--text', at('text.txt'), '-o', at('q'), '--bits', '8', '--json']
    expect(JSON.parse((await cli(calibrate, api)).out)).toMatchObject({
      text: 'The sea.',
      output: at('q'),
      bits: 8,
    })
    writeFileSync(at('q/x'), '')
    expect((await cli(calibrate, api)).err).toMatch(/a new or empty directory/)
    expect((await cli(['generate', model, '--prompt', 'a', '--max-new-tokens', '1'], api)).out).toBe(
      'a\\u{7}!\n',
    )
    expect((await cli(['explain', at('text.txt')], api)).out).toBe('8 bytes\n')
    expect(await cli(['demo'], api)).toEqual({ code: 0, out: 'fine\n', err: 'proving: 50 %\n' })
    expect((await cli(['demo', '--quiet'], api)).err).toBe('')
  })

  it('refuse text that is not UTF-8', async () => {
    const { model, at } = workspace()
    writeFileSync(at('latin1'), Uint8Array.of(0xe9, 0x20))
    const result = await cli(['calibrate', model, '--text', at('latin1'), '-o', at('q')], {
      calibrate: async () => ({ files: [] }),
    })
    expect(result).toMatchObject({ code: 2, err: expect.stringMatching(/UTF-8/) })
    expect(existsSync(at('q'))).toBe(false)
  })
})
