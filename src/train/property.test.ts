import { expect, test } from 'vitest'
import { loadBackend } from '../backend/index.ts'
import { checkWindows } from './property.ts'

test('honest windows of random descriptions satisfy their programs', () => {
  const { summed, committed } = checkWindows(loadBackend(), 8, 3)
  expect(Math.min(summed, committed)).toBeGreaterThan(0)
})
