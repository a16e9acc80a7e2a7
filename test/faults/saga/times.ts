/** The times of the saga in these tests, ms: short, so that other replicas take over soon. */
export const times = { hold: 3_500, wait: 2_000, patience: 3_000, jobPatience: 5_000 } as const;

/** How long a paused replica keeps a call back, ms: longer than another one takes to undo the order. */
export const pauseMs = 15_000;

/** Time after which an order turns back, by the replica that placed it. The first lapse before another replica takes over. */
export const deadlines = ['3s', '60s'] as const;
