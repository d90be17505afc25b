/** Whether tests may take as long as they need to prove what they claim: continuous integration sets `CI`. */
export const inCi = Boolean(process.env['CI']);
