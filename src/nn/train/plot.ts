/** A loss curve as SVG. */
import type { Progress } from './checkpoint.ts'

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [720, 400, 56, 16, 24, 48]

/** Training and validation loss (nats per token) over the steps. */
export function lossCurve(history: readonly Progress[]): string {
  const losses = history.flatMap(p => [p.trainLoss, p.valLoss])
  const [low, high] = [Math.floor(Math.min(...losses) * 2) / 2, Math.ceil(Math.max(...losses) * 2) / 2]
  const last = history.at(-1)!.step
  const x = (step: number) => LEFT + (step / last) * (WIDTH - LEFT - RIGHT)
  const y = (loss: number) => TOP + ((high - loss) / (high - low)) * (HEIGHT - TOP - BOTTOM)
  const text = (at: [number, number], anchor: string, s: string) =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" text-anchor="${anchor}">${s}</text>`
  const curve = (of: (p: Progress) => number, colour: string) =>
    `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${history
      .map(p => `${x(p.step).toFixed(1)},${y(of(p)).toFixed(1)}`)
      .join(' ')}"/>`
  const grid = Array.from({ length: (high - low) * 2 + 1 }, (_, i) => low + i / 2).flatMap(loss => [
    `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(loss).toFixed(1)}" y2="${y(loss).toFixed(1)}" stroke="#ddd"/>`,
    text([LEFT - 6, y(loss) + 4], 'end', loss.toFixed(1)),
  ])
  const ticks = [0, 0.25, 0.5, 0.75, 1].map(f =>
    text([x(f * last), HEIGHT - BOTTOM + 18], 'middle', `${Math.round(f * last)}`),
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...grid,
    ...ticks,
    text([(LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10], 'middle', 'step'),
    text([LEFT, TOP - 8], 'start', 'loss, nats per token'),
    curve(p => p.trainLoss, '#1f77b4'),
    curve(p => p.valLoss, '#d62728'),
    `<g fill="#1f77b4">${text([WIDTH - RIGHT - 8, TOP + 20], 'end', 'training')}</g>`,
    `<g fill="#d62728">${text([WIDTH - RIGHT - 8, TOP + 38], 'end', 'validation')}</g>`,
    '</svg>\n',
  ].join('\n')
}
