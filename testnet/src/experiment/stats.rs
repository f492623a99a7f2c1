//! Means with the intervals that repeated runs allow.

use serde::Serialize;

/// Two-sided 95 % quantiles of Student's t, for 1 degree of freedom and more.
const T_95: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];
/// For more than that, and for shares.
const Z_95: f64 = 1.96;

/// A mean, and how far off it may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// With 95 % confidence the true mean is at most so far away; 0 of a single value, which says nothing.
    pub half_width: f64,
    /// Values.
    pub count: usize,
}

impl Estimate {
    /// Of these values; zeros of none.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len();
        if count == 0 {
            return Self::default();
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let Some(degrees) = count.checked_sub(2) else {
            return Self { mean, half_width: 0.0, count };
        };
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1) as f64;
        let t = T_95.get(degrees).copied().unwrap_or(Z_95);
        Self { mean, half_width: t * (variance / count as f64).sqrt(), count }
    }
}

/// How far from its fair share, a number from 0 to 1, chance alone puts one in twenty: above and below.
pub fn chance(share: f64, draws: u64) -> f64 {
    Z_95 * (share * (1.0 - share) / draws.max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_students_and_narrows_with_more_runs() {
        let three = Estimate::of(&[9.0, 10.0, 11.0]);
        assert!((three.mean - 10.0).abs() < 1e-9 && (three.half_width - 4.303 / 3f64.sqrt()).abs() < 1e-3, "{three:?}");
        let many: Vec<_> = (0..60).map(|n| 9.0 + f64::from(n % 3)).collect();
        assert!(Estimate::of(&many).half_width < 0.25);
        assert_eq!(Estimate::of(&[5.0]), Estimate { mean: 5.0, half_width: 0.0, count: 1 });
        assert_eq!(Estimate::of(&[]), Estimate::default());
    }

    #[test]
    fn chance_allows_less_the_more_blocks_there_are() {
        assert!((chance(0.5, 100) - 0.098).abs() < 1e-3);
        assert!(chance(0.714, 500) < 0.04);
    }
}
