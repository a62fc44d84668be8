//! Signals that end the process, kept until nothing lies about that it would leave behind.

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ};
use signal_hook::{flag, low_level};
use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError};

/// What a terminal, a user, or a shell's `ulimit -f` sends. Others come from a defect or cannot be
/// kept.
const ENDING: [c_int; 5] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ];

static HOLDS: Mutex<usize> = Mutex::new(0);
/// Whether signals do what they do by default.
static IS_FREE: AtomicBool = AtomicBool::new(true);
/// The signal that was kept; 0 for none.
static KEPT: AtomicUsize = AtomicUsize::new(0);

/// While there is one, signals are kept; what they do by default happens when the last is gone.
pub struct Hold(());

impl Default for Hold {
    fn default() -> Self {
        static LISTEN: Once = Once::new();
        count(|holds| holds + 1);
        // Only now: what makes no files pays nothing for it.
        LISTEN.call_once(listen);
        Self(())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if count(|holds| holds - 1) == 0 {
            let_go();
        }
    }
}

/// Whether a signal came that is kept.
pub fn has_one() -> bool {
    KEPT.load(Ordering::SeqCst) != 0
}

/// Ends the process by the signal that is kept, if there is one, as if nobody had kept it.
pub fn let_go() {
    if let Ok(signal) = c_int::try_from(KEPT.load(Ordering::SeqCst))
        && signal != 0
    {
        // It fails for signals that it does not know.
        let _ = low_level::emulate_default_handler(signal);
    }
}

fn count(change: impl Fn(usize) -> usize) -> usize {
    let mut holds = HOLDS.lock().unwrap_or_else(PoisonError::into_inner);
    *holds = change(*holds);
    IS_FREE.store(*holds == 0, Ordering::SeqCst);
    *holds
}

fn listen() {
    let ignored = ignored();
    for signal in ENDING {
        let Ok(number) = usize::try_from(signal) else { continue };
        // As `nohup` and the background of a script have it: it would be heeded from now on.
        if ignored & (1 << (number - 1)) != 0 {
            continue;
        }
        // In this order: a signal is kept, or ends the process. One that cannot be kept does
        // what it did before.
        if flag::register_usize(signal, &KEPT, number).is_ok() {
            let _ = flag::register_conditional_default(signal, &IS_FREE);
        }
    }
}

/// The signals that this process ignores, a bit each; none where nobody tells.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
