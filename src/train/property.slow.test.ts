import { expect, test } from 'vitest'
import { loadBackend } from '../backend/index.ts'
import { checkWindows } from './property.ts'

test('honest windows of many random descriptions satisfy their programs', () => {
  const { summed, committed } = checkWindows(loadBackend(), 150, Date.now())
  expect(Math.min(summed, committed)).toBeGreaterThan(10)
})
