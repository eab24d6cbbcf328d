import { describe, expect, it } from 'vitest'
import { memory } from './fixtures/capture.ts'
import { duration, printable, quantity, size, table, toJson } from './output.ts'
import { createProgress } from './progress.ts'

describe('output', () => {
  it('JSON of bytes, bigints, typed arrays and maps', () => {
    const value = {
      a: Uint8Array.of(1, 255),
      b: Buffer.from('hi'),
      c: 2n ** 70n,
      d: Int32Array.of(-1),
      e: new Map([['k', 1n]]),
    }
    expect(JSON.parse(toJson(value))).toEqual({
      a: '01ff',
      b: '6869',
      c: '1180591620717411303424',
      d: [-1],
      e: { k: '1' },
    })
  })

  it('aligned tables', () => {
    expect(
      table([
        ['a', 1],
        ['long', 'x'],
      ]),
    ).toBe('a     1\nlong  x')
    expect(table([])).toBe('')
  })

  it('units', () => {
    expect([0, 999, 1536, 12345, 150_000, 3.2e9].map(size)).toEqual([
      '0 B',
      '999 B',
      '1.5 kB',
      '12.3 kB',
      '150 kB',
      '3.2 GB',
    ])
    expect([0.85, 1.26, 12.3, 59.97, 250, 7500].map(duration)).toEqual([
      '850 ms',
      '1.3 s',
      '12 s',
      '1 min 0 s',
      '4 min 10 s',
      '2 h 5 min',
    ])
    expect([12, 12_345, 124439808, 6738415616].map(quantity)).toEqual(['12', '12.3 k', '124.4 M', '6.74 G'])
  })

  it('text from models cannot steer the terminal', () => {
    expect(printable('a\u001b[31mb\r\u009b\u202e\ud800c\n\té👩‍🔬')).toBe(
      'a\\u{1b}[31mb\\u{d}\\u{9b}\\u{202e}\\u{d800}c\n\té👩‍🔬',
    )
  })
})

describe('progress', () => {
  function view(isTTY: boolean, quiet = false) {
    const stream = memory(isTTY)
    const clock = { time: 0 }
    return { stream, clock, ...createProgress(stream, quiet, () => clock.time) }
  }

  it('plain lines: each stage once, then every five seconds', () => {
    const { stream, clock, onProgress, clear } = view(false)
    for (let done = 0; done <= 100; done++) {
      clock.time = done * 100
      onProgress({ stage: 'commit', done, total: 100 })
    }
    onProgress({ stage: 'open', done: 0, total: 0 })
    clear()
    expect(stream.text()).toBe('commit: 0 %\ncommit: 50 %, 5.0 s left\ncommit: 100 %\nopen\n')
  })

  it('on a terminal one line, redrawn at most ten times a second', () => {
    const { stream, clock, onProgress, clear } = view(true)
    for (let done = 0; done <= 1000; done++) {
      clock.time = done
      onProgress({ stage: 'prove', done, total: 1000 })
    }
    clear()
    const drawn = stream.text().split('\r\u001b[K')
    expect(drawn.length).toBe(13)
    expect(drawn[1]).toBe('prove: 0 %')
    expect(drawn[10]).toBe('prove: 90 %, 100 ms left')
    expect(drawn.at(-2)).toBe('prove: 100 %')
    expect(drawn.at(-1)).toBe('')
    expect(stream.text()).not.toContain('\n')
  })

  it('nothing when quiet', () => {
    const { stream, onProgress, clear } = view(true, true)
    onProgress({ stage: 'prove', done: 1, total: 2 })
    clear()
    expect(stream.text()).toBe('')
  })
})
