/** Reports the share of a stage that is done, and lets pending events (a Ctrl-C) through. */
export type Tick = (share: number) => void | Promise<void>

export const silent: Tick = () => {}
