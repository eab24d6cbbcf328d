/** Training curves as SVG: losses on a logarithmic scale above, PSNR below. */
import type { LogLine } from './checkpoint.ts'

const [WIDTH, PANEL, LEFT, RIGHT, TOP, GAP] = [720, 220, 64, 16, 28, 44]

interface Curve {
  readonly label: string
  readonly colour: string
  readonly values: readonly number[]
}

interface Scale {
  of(value: number): number
  inverse(height: number): number
}
const linear: Scale = { of: v => v, inverse: v => v }
const logarithmic: Scale = { of: Math.log10, inverse: v => 10 ** v }

export function curves(log: readonly LogLine[]): string {
  const steps = log.map(line => line.step)
  const losses: Curve[] = [
    { label: 'result', colour: '#1f77b4', values: log.map(l => l.srLoss ?? Number.NaN) },
    { label: 'corrected image', colour: '#2ca02c', values: log.map(l => l.clrLoss ?? Number.NaN) },
  ].filter(({ values }) => values.every(Number.isFinite))
  const quality: Curve[] = [{ label: 'validation', colour: '#d62728', values: log.map(l => l.psnr) }]
  const height = TOP + 2 * PANEL + 2 * GAP
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    ...panel(steps, losses, TOP, 'error (samples in 0..1)', logarithmic, v => v.toFixed(4)),
    ...panel(steps, quality, TOP + PANEL + GAP, 'PSNR on Y, dB', linear, v => v.toFixed(1)),
    '</svg>\n',
  ].join('\n')
}

function panel(
  steps: readonly number[],
  list: readonly Curve[],
  top: number,
  title: string,
  scale: Scale,
  label: (value: number) => string,
): string[] {
  const all = list.flatMap(c => c.values)
  const [low, high] = [Math.min(...all), Math.max(...all)]
  const last = steps.at(-1)!
  const x = (step: number) => LEFT + (step / last) * (WIDTH - LEFT - RIGHT)
  const y = (v: number) =>
    top + ((scale.of(high) - scale.of(v)) / (scale.of(high) - scale.of(low) || 1)) * PANEL
  const text = (at: readonly [number, number], anchor: string, s: string, colour = '#000') =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" text-anchor="${anchor}" fill="${colour}">${s}</text>`
  const rules = [0, 0.25, 0.5, 0.75, 1].flatMap(f => {
    const height = top + f * PANEL
    const value = scale.inverse(scale.of(high) + f * (scale.of(low) - scale.of(high)))
    return [
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${height}" y2="${height}" stroke="#ddd"/>`,
      text([LEFT - 6, height + 4], 'end', label(value)),
      text([x(f * last), top + PANEL + 18], 'middle', String(Math.round(f * last))),
    ]
  })
  const lines = list.flatMap(({ label: name, colour, values }, i) => {
    const points = values.map((v, j) => `${x(steps[j]!).toFixed(1)},${y(v).toFixed(1)}`).join(' ')
    return [
      `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points}"/>`,
      text([WIDTH - RIGHT - 8, top + 20 + 18 * i], 'end', name, colour),
    ]
  })
  return [...rules, text([LEFT, top - 8], 'start', title), ...lines]
}
