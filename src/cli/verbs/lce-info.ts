import type { Command } from 'commander'
import { extents, method, SIZES, WINDOW } from '../../models/lce/config.ts'
import type { Context } from '../context.ts'
import { quantity, table } from '../output.ts'
import { action, addVerb } from '../verb.ts'

/** Parameters of SwinIR for classical super-resolution, from its paper, for comparison. */
const SWINIR = 11.9e6

/** `lce info`: the sizes of network and what they cost. */
export function lceInfo(program: Command, context: Context): void {
  addVerb(program, 'info', 'the sizes of network, with their parameters', 'proofmark lce info').action(
    action<[], object>(context, 0, async run => {
      const [{ lceGraph }, { operations }] = await Promise.all([
        import('../../models/lce/network.ts'),
        import('../../models/lce/train/step.ts'),
      ])
      const sizes = SIZES.map(size => {
        const graph = lceGraph({ ...method, size, scale: 4 }, WINDOW, WINDOW)
        const corrector = [...graph.parameters.nodes].filter(([name]) => name.startsWith('corrector.'))
        const count = corrector.reduce((n, [, { shape }]) => n + shape.reduce((a, b) => a * b, 1), 0)
        const flopPerPixel = operations([graph.sr]) / WINDOW ** 2
        return { size, parameters: graph.parameters.count, corrector: count, flopPerPixel, ...extents[size] }
      })
      const rows = sizes.map(s => {
        const parts = `${quantity(s.parameters)} parameters, ${quantity(s.corrector)} of them the Corrector's`
        return [
          s.size,
          `${parts}; ${quantity(Math.round(s.flopPerPixel))}FLOP per low-resolution pixel`,
        ] as const
      })
      const text = table([...rows, ['SwinIR', `${quantity(SWINIR)} parameters, for comparison`]])
      run.print({ scale: 4, sizes }, text)
    }),
  )
}
