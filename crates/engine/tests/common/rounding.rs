/// Pairs of what came out and what went in: rounded down or up by `shift` bits, integers kept, and on average neither.
pub fn assert_rounded_without_bias(pairs: impl Iterator<Item = (i64, i64)>, shift: u32) {
    let (mut sum, mut count, step) = (0.0, 0.0, 1 << shift);
    for (got, exact) in pairs {
        assert!(exact % step != 0 || got == exact / step, "{got} for {exact} / {step}");
        assert!((got * step - exact).abs() < step, "{got} for {exact} / {step}");
        sum += got as f64 - exact as f64 / step as f64;
        count += 1.0;
    }
    // The standard deviation of one is at most 1/2: this is six of the mean's.
    let mean: f64 = sum / count;
    assert!(mean.abs() < 3.0 / f64::sqrt(count), "shift {shift}: {mean} over {count}");
}
