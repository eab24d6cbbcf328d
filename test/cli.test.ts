/** The command line end to end, as a user would: commit, prove, verify, explain, with the embedded model. */
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { api } from '../src/cli/api.ts'
import { cli as runCli } from '../src/cli/fixtures/capture.ts'

const dir = mkdtempSync(join(tmpdir(), 'proofmark-e2e-'))
const at = (name: string): string => join(dir, name)
const cli = (...args: string[]) => runCli([...args, '--quiet'], api)
const json = async (...args: string[]) => {
  const { code, out } = await cli(...args, '--json')
  return { code, value: JSON.parse(out) as Record<string, unknown> }
}
const MODEL = 'models/demo'
const prove = (output: string, ...more: string[]) =>
  json('prove', MODEL, '--commitment', at('c'), '--prompt', 'ROMEO:', '--max-new-tokens', '2', '-o', at(output), ...more)

beforeAll(async () => {
  const committed = await json('commit', MODEL, '-o', at('c'), '--budget', '3')
  expect(committed.code).toBe(0)
  const proven = await prove('p')
  expect(proven.code).toBe(0)
  for (const key of ['tokens', 'text', 'prove_seconds', 'commit_seconds', 'proof_bytes', 'peak_memory_bytes', 'security_bits', 'lookups', 'committed_values']) {
    expect(proven.value, key).toHaveProperty(key)
  }
  expect(proven.value.security_bits).toBeGreaterThanOrEqual(100)
  expect((proven.value.tokens as number[]).length).toBe(2)
}, 120_000)
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('an honest proof is accepted, and says what it is about', async () => {
  const { code, value } = await json('verify', at('p'), '--commitment', at('c'))
  expect(code).toBe(0)
  expect(value).toMatchObject({ ok: true })
  expect(value.statement).toContain('chose greedily the tokens')
})

test('a proof with one flipped bit is rejected with a place and a reason', async () => {
  const bytes = readFileSync(at('p'))
  bytes[bytes.length - 5000] = (bytes[bytes.length - 5000] as number) ^ 4
  writeFileSync(at('flipped'), bytes)
  const { code, value } = await json('verify', at('flipped'), '--commitment', at('c'))
  expect(code).toBe(1)
  expect(value).toMatchObject({ ok: false })
  expect(String(value.at).length).toBeGreaterThan(0)
  expect(String(value.reason).length).toBeGreaterThan(0)
})

test('truncated, foreign and future proof files are rejected', async () => {
  const bytes = readFileSync(at('p'))
  const future = Buffer.from(bytes)
  future[8] = 99
  for (const [name, content, reason] of [
    ['short', bytes.subarray(0, 1000), /ends early|leaves the file/],
    ['text', Buffer.from('hello, this is not a proof at all'), /not a Proofmark proof/],
    ['future', future, /expected version 1, got 99/],
    ['longer', Buffer.concat([bytes, Buffer.from([0])]), /follow the end/],
  ] as const) {
    writeFileSync(at(name), content)
    const { code, value } = await json('verify', at(name), '--commitment', at('c'))
    expect(code, name).toBe(1)
    expect(value.reason, name).toMatch(reason)
  }
})

test('another commitment to the same weights does not verify it', async () => {
  expect((await cli('commit', MODEL, '-o', at('c2'), '--budget', '3')).code).toBe(0)
  const { code, value } = await json('verify', at('p'), '--commitment', at('c2'))
  expect(code).toBe(1)
  expect(value.reason).toContain('another commitment')
}, 60_000)

test('explain tells parts and security', async () => {
  const { code, out } = await cli('explain', at('p'), '--commitment', at('c'))
  expect(code).toBe(0)
  expect(out).toContain('columns of the weights')
  expect(out).toContain('ACCEPTED')
})

test('a private prompt stays out of the proof file; the budget is enforced to the last opening', async () => {
  const secret = await prove('hidden', '--private-input')
  expect(secret.code).toBe(0)
  const { value } = await json('verify', at('hidden'), '--commitment', at('c'))
  expect(value).toMatchObject({ ok: true })
  expect((value.prompt as unknown[]).every(t => t === null)).toBe(true)
  expect((await prove('third')).code).toBe(0)
  const refused = await cli('prove', MODEL, '--commitment', at('c'), '--prompt', 'ROMEO:', '--max-new-tokens', '2', '-o', at('fourth'))
  expect(refused.code).toBe(2)
  expect(refused.err).toMatch(/refresh/)
  expect(existsSync(at('fourth'))).toBe(false)
}, 120_000)

test('bad prompts are refused before an opening is spent', async () => {
  expect((await cli('commit', MODEL, '-o', at('c3'), '--budget', '1')).code).toBe(0)
  for (const [prompt, tokens] of [['', '2'], ['word '.repeat(400), '2'], ['ok', '1000']] as const) {
    const { code, err } = await cli('prove', MODEL, '--commitment', at('c3'), '--prompt', prompt, '--max-new-tokens', tokens, '-o', at('never'))
    expect(code).toBe(2)
    expect(err).toMatch(/expected .* got/)
  }
  expect(existsSync(at('never'))).toBe(false)
  const last = await cli('prove', MODEL, '--commitment', at('c3'), '--prompt', 'ok', '--max-new-tokens', '1', '-o', at('last'))
  expect(last.code).toBe(0)
}, 120_000)

test('an uncalibrated directory and a state of another commitment are refused', async () => {
  const bare = mkdtempSync(join(dir, 'bare-'))
  for (const file of readdirSync(MODEL)) {
    if (file !== 'proofmark.json') copyFileSync(join(MODEL, file), join(bare, file))
  }
  const refused = await cli('commit', bare, '-o', at('c4'))
  expect(refused.code).toBe(2)
  expect(refused.err).toContain('calibrate')
  expect(existsSync(at('c4'))).toBe(false)
})

test('refresh renews the budget and proves the weights unchanged', async () => {
  expect((await cli('commit', MODEL, '-o', at('old'), '--budget', '1')).code).toBe(0)
  const renewed = await cli('refresh', MODEL, '--commitment', at('old'), '-o', at('new'), '--budget', '2')
  expect(renewed.err).toBe('')
  expect(renewed.code).toBe(0)
  expect(await json('verify', at('new'), '--commitment', at('old'))).toMatchObject({ code: 0, value: { ok: true } })
  // It renews that commitment and no other; and proofs against it work.
  expect(await json('verify', at('new'), '--commitment', at('c'))).toMatchObject({ code: 1, value: { at: 'commitment/previous' } })
  const proven = await json('prove', MODEL, '--commitment', at('new'), '--prompt', 'ok', '--max-new-tokens', '1', '-o', at('after'))
  expect(proven.code).toBe(0)
  expect((await json('verify', at('after'), '--commitment', at('new'))).value).toMatchObject({ ok: true })
  // A damaged renewal proof is rejected.
  const file = JSON.parse(readFileSync(at('new'), 'utf8')) as { renews: { proof: string } }
  const { proof } = file.renews
  file.renews.proof = `${proof.slice(0, 5000)}${proof[5000] === '0' ? '1' : '0'}${proof.slice(5001)}`
  writeFileSync(at('damaged'), JSON.stringify(file))
  expect(await json('verify', at('damaged'), '--commitment', at('old'))).toMatchObject({ code: 1, value: { ok: false } })
}, 120_000)

test('inspect estimates without proving', async () => {
  const { code, value } = await json('inspect', MODEL)
  expect(code).toBe(0)
  expect(value).toMatchObject({ family: 'llama', supported: true, layers: 4 })
  expect(value.proof_bytes).toBeGreaterThan(10_000)
})
