/**
 * Proof size and proving time of training against depth (1 .. 64 layers of equal total weights) and against the steps of
 * one proof (1 .. 64): FAC4DNN's claim that both grow with the logarithm alone. `--svg FILE` draws it.
 */
import { writeFileSync } from 'node:fs'
import { benchTraining, deepMlp } from './training.ts'

interface Row {
  readonly at: number
  /** Of the proof that holds all layers and steps. */
  readonly bytes: number
  /** Processor seconds, of commitment and proof, per step. */
  readonly seconds: number
}

const DEPTHS = [1, 4, 16, 64]
const STEPS = [1, 2, 4, 8, 16, 32, 64]
/** Weights of the networks of the depth series: width^2 depth. */
const WEIGHTS = 2 ** 18
const BATCH = 16

export const benchScaling = async (svg: string | undefined) => {
  const depth: Row[] = []
  for (const layers of DEPTHS) {
    const r = await benchTraining(deepMlp(layers, Math.sqrt(WEIGHTS / layers), BATCH, 1), 256)
    depth.push({ at: layers, bytes: r.proof_bytes, seconds: r.prove_cpu_seconds })
  }
  const steps: Row[] = []
  for (const count of STEPS) {
    const r = await benchTraining(deepMlp(4, 256, BATCH, count), 256)
    steps.push({ at: count, bytes: r.proof_bytes, seconds: r.prove_cpu_seconds / count })
  }
  if (svg)
    writeFileSync(
      svg,
      plot([
        ['layers, 262,144 weights in all, 1 step', depth],
        ['steps of one proof, 4 layers of 256', steps],
      ]),
    )
  return { depth, steps }
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [420, 320, 60, 60, 32, 44]

const text = (x: number, y: number, anchor: string, s: string, colour = '#000'): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="${colour}">${s}</text>`

/** Bytes (left axis, from 0) and seconds a step (right axis, from 0) over a logarithmic axis. */
const panel = (title: string, rows: readonly Row[], left: number): string => {
  const last = Math.log2(rows.at(-1)?.at ?? 2)
  const x = (at: number): number => LEFT + (Math.log2(at) / last) * (WIDTH - LEFT - RIGHT)
  const curve = (
    of: 'bytes' | 'seconds',
    colour: string,
    unit: (v: number) => string,
    anchor: 'start' | 'end',
  ): string => {
    const most = 1.15 * Math.max(...rows.map(r => r[of]))
    const y = (v: number): number => HEIGHT - BOTTOM - (v / most) * (HEIGHT - TOP - BOTTOM)
    const ticks = [0, 0.25, 0.5, 0.75, 1].map(f => {
      const at = anchor === 'end' ? LEFT - 6 : WIDTH - RIGHT + 6
      return text(at, y(f * most) + 4, anchor, unit(f * most), colour)
    })
    const points = rows.map(r => `${x(r.at).toFixed(1)},${y(r[of]).toFixed(1)}`)
    return [
      ...ticks,
      `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points.join(' ')}"/>`,
      ...points.map(p => `<circle cx="${p.split(',')[0]}" cy="${p.split(',')[1]}" r="3" fill="${colour}"/>`),
    ].join('\n')
  }
  return [
    `<g transform="translate(${left} 0)">`,
    `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${HEIGHT - BOTTOM}" y2="${HEIGHT - BOTTOM}" stroke="#888"/>`,
    ...rows.map(r => text(x(r.at), HEIGHT - BOTTOM + 18, 'middle', `${r.at}`)),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, 'middle', title),
    text(LEFT, 18, 'start', 'proof', '#1f77b4'),
    text(WIDTH - RIGHT, 18, 'end', 'processor seconds a step', '#d62728'),
    curve('bytes', '#1f77b4', v => `${Math.round(v / 1000)} kB`, 'end'),
    curve('seconds', '#d62728', v => `${v.toFixed(1)} s`, 'start'),
    '</g>',
  ].join('\n')
}

const plot = (panels: readonly (readonly [string, readonly Row[]])[]): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH * panels.length} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH * panels.length}" height="${HEIGHT}" fill="#fff"/>`,
    ...panels.map(([title, rows], i) => panel(title, rows, i * WIDTH)),
    '</svg>\n',
  ].join('\n')
