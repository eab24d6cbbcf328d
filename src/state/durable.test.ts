import {
  chmodSync,
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
import { afterAll, describe, expect, it } from 'vitest'
import { writeAtomic } from './durable.ts'

const root = mkdtempSync(join(tmpdir(), 'proofmark-durable-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

describe('writeAtomic', () => {
  it('writes and replaces, leaving no temporary file', () => {
    const path = join(root, 'a')
    writeAtomic(path, 'one')
    writeAtomic(path, Uint8Array.of(50, 51), 0o600)
    expect(readFileSync(path, 'utf8')).toBe('23')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(root)).toEqual(['a'])
  })

  it('keeps the old content and cleans up when it fails', () => {
    const target = join(root, 'target')
    mkdirSync(target)
    writeFileSync(join(target, 'inside'), '')
    expect(() => writeAtomic(target, 'x')).toThrow(expect.objectContaining({ path: target }))
    expect(readdirSync(target)).toEqual(['inside'])
    expect(readdirSync(root).some(name => name.endsWith('.tmp'))).toBe(false)
  })

  it('names the path that it was given when the directory is not there', () => {
    const path = join(root, 'missing', 'file')
    expect(() => writeAtomic(path, 'x')).toThrow(expect.objectContaining({ code: 'ENOENT', path }))
  })

  it.skipIf(process.getuid?.() === 0)('names the path when the directory is read-only', () => {
    const dir = join(root, 'readonly')
    mkdirSync(dir)
    chmodSync(dir, 0o500)
    const path = join(dir, 'file')
    expect(() => writeAtomic(path, 'x')).toThrow(expect.objectContaining({ code: 'EACCES', path }))
  })
})
