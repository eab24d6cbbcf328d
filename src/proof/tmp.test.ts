import { test } from 'vitest'
import { loadBackend } from '../backend/index.ts'
import { makeFixture } from './fixture.ts'
import { checkProgram } from '../program/check.ts'
test('fixture', () => {
  const f = makeFixture(loadBackend())
  const x = f.execute()
  const t = performance.now()
  console.log(checkProgram(f.program, t => x.values(t)), performance.now() - t)
  console.log(f.program.relations.map(r => r.name).join('\n'))
  console.log(f.program.lookups.map(r => r.name + ' -> ' + f.program.tables[r.table]!.name).join('\n'))
  for (const n of ['argmax.diff.0','attention.t','relu.sign', 'layer.mean.rho.0', 'rms.sigma', 'attention.count.0']) console.log(n, String(x.values(f.program.witness.find(t => t.name === n)!)))
})
