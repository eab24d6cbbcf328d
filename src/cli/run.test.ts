import { describe, expect, it } from 'vitest'
import { InputError, InternalError } from '../errors.ts'
import type { Api } from './api.ts'
import { classify } from './failure.ts'
import { cli, workspace } from './fixtures/capture.ts'

const verbs = [
  'demo',
  'inspect',
  'calibrate',
  'commit',
  'generate',
  'prove',
  'verify',
  'explain',
  'refresh',
  'train',
  'classify',
  'upscale',
]

describe('help and usage', () => {
  it('lists every verb', async () => {
    const { code, out, err } = await cli(['--help'])
    expect([code, err]).toEqual([0, ''])
    for (const verb of verbs) expect(out).toMatch(new RegExp(`^  ${verb} `, 'm'))
  })

  it.each(verbs)('%s --help shows an example that parses', async verb => {
    const { code, out } = await cli([verb, '--help'])
    expect(code).toBe(0)
    const example = /Example:\n {2}\$ proofmark (.*)/.exec(out)?.[1] ?? ''
    const args = [...example.matchAll(/"([^"]*)"|(\S+)/g)].map(match => match[1] ?? match[2] ?? '')
    expect(args[0]).toBe(verb)
    // Past the parser the example fails on its files, or on this build.
    const result = await cli(args)
    expect(result.code).toBe(2)
    expect(result.err).toMatch(/no such file|that this build can run/)
  })

  it('prints the version', async () => {
    expect((await cli(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  it.each([
    [[], /Usage/],
    [['frobnicate'], /unknown command/],
    [['inspect'], /missing required argument/],
    [['verify', 'x'], /--commitment/],
    [['prove', 'm', '--prompt', 'x', '--max-new-tokens', '0', '-o', 'f'], /integer from 1/],
    [['prove', 'm', '--prompt', 'x', '--max-new-tokens', '1e3', '-o', 'f'], /integer from 1/],
    [['commit', 'm', '--budget', '-5'], /integer from 1/],
    [['inspect', 'a', 'b'], /too many arguments/],
  ])('%j is misuse: exit 2', async (args, message) => {
    const { code, err, out } = await cli(args)
    expect(code).toBe(2)
    expect(err).toMatch(message)
    expect(err).not.toMatch(/^proofmark: $/m)
    expect(out).toBe('')
  })

  it('says so when the build lacks a function', async () => {
    const { code, err } = await cli(['demo'])
    expect([code, err]).toEqual([2, 'proofmark: verb: expected one that this build can run, got demo\n'])
  })
})

describe('failures', () => {
  const { model } = workspace()
  const failing = (error: unknown): Partial<Api> => ({ inspect: () => Promise.reject(error) })
  const system = (code: string, path?: string) => Object.assign(new Error(`${code}: text`), { code, path })

  it.each<[unknown, number, RegExp]>([
    [new InputError('x', 'a', 'b'), 2, /^proofmark: x: expected a, got b\n$/],
    [system('ENOENT', '/m/config.json'), 2, /^proofmark: \/m\/config.json: no such file or directory\n$/],
    [system('EACCES', '/m'), 2, /\/m: permission denied/],
    [system('EROFS', '/m'), 2, /\/m: read-only file system/],
    [system('ENOSPC', '/m'), 2, /\/m: no space left/],
    [system('ENOTDIR', '/m'), 2, /\/m: not a directory/],
    [system('EISDIR'), 2, /^proofmark: is a directory/],
    [new RangeError('Array buffer allocation failed'), 2, /out of memory/],
    [system('ERR_MEMORY_ALLOCATION_FAILED'), 2, /out of memory/],
    [new InternalError('broken'), 3, /internal error, please report it\nInternalError: broken/],
    [new TypeError('x is not a function'), 3, /internal error/],
    [system('ERR_SOMETHING'), 3, /internal error/],
    ['a string', 3, /internal error: a string/],
    [new InputError('name', 'a', '\u001b[2J'), 2, /got \\u\{1b\}\[2J/],
  ])('%s', async (error, code, message) => {
    const plain = await cli(['inspect', model], failing(error))
    expect(plain).toMatchObject({ code, out: '' })
    expect(plain.err).toMatch(message)
    const json = await cli(['inspect', model, '--json'], failing(error))
    expect(json.code).toBe(code)
    expect(Object.keys(JSON.parse(json.out))).toEqual(['error'])
  })

  it('a real allocation that cannot succeed is out of memory', () => {
    for (const allocate of [() => new ArrayBuffer(2 ** 52), () => new Float64Array(2 ** 40)])
      expect(classify(thrown(allocate), false)).toMatchObject({ exitCode: 2, kind: 'memory' })
  })

  it('a missing model and a file in its place', async () => {
    const api: Partial<Api> = { inspect: () => Promise.reject(new Error('not reached')) }
    expect(await cli(['inspect', '/no/such/model'], api)).toMatchObject({
      code: 2,
      err: 'proofmark: /no/such/model: no such file or directory\n',
    })
    const { at } = workspace()
    expect((await cli(['inspect', at('text.txt')], api)).err).toMatch(/a model directory, got a file/)
  })

  it('usage errors under --json are one object too', async () => {
    const { code, out } = await cli(['verify', 'x', '--json'])
    expect(code).toBe(2)
    expect(JSON.parse(out).error.kind).toBe('usage')
    expect(JSON.parse(out).error.message).not.toBe('')
  })

  it('Ctrl-C gives 130, whatever broke', async () => {
    const controller = new AbortController()
    const api: Partial<Api> = {
      inspect: (_, job) => {
        controller.abort()
        return Promise.reject(job.signal.reason)
      },
    }
    expect(await cli(['inspect', model], api, controller.signal)).toEqual({
      code: 130,
      out: '',
      err: 'proofmark: stopped\n',
    })
  })
})

function thrown(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  return undefined
}
