//! What this process has used so far; `None` where the system does not say.

/// Largest resident memory, in bytes.
pub fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

/// Processor time of all threads, user and system.
pub fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is a name that may hold anything but ends with the last parenthesis.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    // The kernel shows user programs a hundred ticks per second whatever it counts itself.
    Some((ticks.next()?.ok()? + ticks.next()?.ok()?) / 100.0)
}

/// Processor time of this thread so far.
pub fn thread_seconds() -> Option<f64> {
    // The system brings the number up to date when it may switch threads.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: u64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds as f64 / 1e9)
}
