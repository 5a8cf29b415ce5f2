// What the ideal attacker's figures and picture are at any noise: the same as invviz/risk and invviz/metrics say in Python (tests/browser/test_noise_formulas.py).

const MOST = 200 // dB: no error at all
const GAINS = [1, 6, 10], TELLS = ["tells little", "tells some", "tells most", "tells nearly all"] // metrics/_words.py

// Share of a direction's variance that is learned: risk.learned_share.
export const learned = (gain, sigma) => gain > 0 ? gain / (sigma * sigma + gain) : 0

// InvRE and expected best at a noise level (absolute, per message entry): risk.invre, risk.psnr_ceiling.
export function figures({ gains, weights, rest, trace, size }, sigma) {
  let loss = rest
  for (let i = 0; i < gains.length; i++) loss += weights[i] * (1 - learned(gains[i], sigma))
  const mse = loss / size
  return { invre: 1 - loss / trace, ceiling: mse > 0 ? Math.min(MOST, -10 * Math.log10(mse)) : MOST }
}

// Directions above the noise floor. Gains fall, so the first one below it is looked for.
export function above(gains, sigma) {
  let low = 0, high = gains.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (gains[middle] > sigma * sigma) low = middle + 1
    else high = middle
  }
  return low
}

// How much a message tells, on average over pictures and noise: metrics.tells. The words of pictures stand under pictures alone.
export function tells(invre) {
  const gain = invre >= 1 ? Infinity : -10 * Math.log10(Math.min(1 - invre, 1))
  return TELLS[GAINS.filter(limit => gain >= limit).length]
}

// Between which two kept levels a noise lies, and how far from the first one, on a log scale.
export function between(levels, sigma) {
  let i = 0
  while (i < levels.length - 2 && levels[i + 1] <= sigma) i++
  if (levels.length < 2 || sigma <= levels[0]) return [0, 0]
  if (sigma >= levels[levels.length - 1]) return [levels.length - 2, 1]
  return [i, levels[i] > 0 ? Math.log(sigma / levels[i]) / Math.log(levels[i + 1] / levels[i]) : 0]
}

// The ideal attacker's picture as bytes, into `out`. Levels are kept as 16-bit shares of the way from `low` to `high`, in units of a picture's full range.
export function picture({ levels, pictures, low, high, numbers }, sigma, out) {
  const [i, share] = between(levels, sigma), first = i * numbers, second = levels.length > 1 ? first + numbers : first
  const unit = 255 * (high - low) / 65535, start = 255 * low + 0.5
  for (let k = 0; k < numbers; k++) {
    const value = pictures[first + k] + share * (pictures[second + k] - pictures[first + k])
    const grey = start + unit * value
    out[k] = grey < 0 ? 0 : grey > 255 ? 255 : grey
  }
  return out
}
