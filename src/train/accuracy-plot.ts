/** Test accuracy of integer and float training over the epochs, as SVG: one panel a network. */
import type { Epoch } from './accuracy.ts'

export interface Panel {
  readonly title: string
  readonly epochs: readonly Epoch[]
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [420, 320, 48, 12, 32, 44]
const CURVES = [
  { of: 'integer', label: 'integer', colour: '#1f77b4', dash: '' },
  { of: 'float', label: 'float', colour: '#d62728', dash: ' stroke-dasharray="5 4"' },
] as const

const text = (x: number, y: number, anchor: string, s: string): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${s}</text>`

const panel = ({ title, epochs }: Panel, left: number): string => {
  const percent = epochs.flatMap(e => [e.integer.accuracy * 100, e.float.accuracy * 100])
  const low = Math.floor(Math.min(...percent))
  const high = Math.ceil(Math.max(...percent))
  const last = epochs.at(-1)?.epoch ?? 1
  const x = (epoch: number): number => LEFT + ((epoch - 1) / Math.max(1, last - 1)) * (WIDTH - LEFT - RIGHT)
  const y = (value: number): number => TOP + ((high - value) / (high - low)) * (HEIGHT - TOP - BOTTOM)
  const grid = Array.from({ length: high - low + 1 }, (_, i) => low + i).flatMap(value => [
    `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}" stroke="#ddd"/>`,
    text(LEFT - 6, y(value) + 4, 'end', `${value} %`),
  ])
  const curves = CURVES.map(({ of, colour, dash }) => {
    const points = epochs.map(e => `${x(e.epoch).toFixed(1)},${y(e[of].accuracy * 100).toFixed(1)}`).join(' ')
    return `<polyline fill="none" stroke="${colour}" stroke-width="2"${dash} points="${points}"/>`
  })
  const legend = CURVES.map(
    ({ label, colour }, i) =>
      `<g fill="${colour}">${text(WIDTH - RIGHT - 8, HEIGHT - BOTTOM - 28 + 18 * i, 'end', label)}</g>`,
  )
  return [
    `<g transform="translate(${left} 0)">`,
    ...grid,
    ...epochs.map(e => text(x(e.epoch), HEIGHT - BOTTOM + 18, 'middle', `${e.epoch}`)),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, 'middle', 'epoch'),
    text((LEFT + WIDTH - RIGHT) / 2, 18, 'middle', title),
    ...curves,
    ...legend,
    '</g>',
  ].join('\n')
}

export const accuracyPlot = (panels: readonly Panel[]): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH * panels.length} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH * panels.length}" height="${HEIGHT}" fill="#fff"/>`,
    ...panels.map((p, i) => panel(p, i * WIDTH)),
    '</svg>\n',
  ].join('\n')
