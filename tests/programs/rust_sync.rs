// Rust's std::sync in full: Mutex and its poisoning, Condvar, RwLock, Barrier, Once, OnceLock, mpsc, atomics that wait by
// park, scoped threads. std sleeps in raw futex calls.
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{channel, sync_channel, RecvTimeoutError};
use std::sync::{Arc, Barrier, Condvar, Mutex, Once, OnceLock, RwLock};
use std::thread;
use std::time::Duration;

fn mutex() {
    let total = Arc::new(Mutex::new(0u64));
    let threads: Vec<_> = (0..8)
        .map(|i| {
            let total = total.clone();
            thread::spawn(move || {
                for n in 0..500 {
                    let mut t = total.lock().unwrap();
                    *t += i;
                    if n % 100 == 0 {
                        thread::yield_now();
                    }
                    if n % 250 == 0 {
                        thread::sleep(Duration::from_micros(50));
                    }
                }
            })
        })
        .collect();
    for t in threads {
        t.join().unwrap();
    }
    println!("mutex {}", total.lock().unwrap());
    let poisoned = total.clone();
    let r = thread::spawn(move || {
        let _held = poisoned.lock().unwrap();
        std::panic::resume_unwind(Box::new(7));
    })
    .join();
    println!("panicked {} poisoned {}", r.is_err(), total.is_poisoned());
}

fn condvar() {
    let pair = Arc::new((Mutex::new(Vec::new()), Condvar::new(), Condvar::new()));
    let consumer = {
        let pair = pair.clone();
        thread::spawn(move || {
            let mut sum = 0u64;
            for _ in 0..1000 {
                let mut q = pair.1.wait_while(pair.0.lock().unwrap(), |q: &mut Vec<u64>| q.is_empty()).unwrap();
                sum += q.remove(0);
                pair.2.notify_one();
            }
            sum
        })
    };
    for n in 0..1000 {
        let mut q = pair.2.wait_while(pair.0.lock().unwrap(), |q| q.len() >= 3).unwrap();
        q.push(n);
        pair.1.notify_one();
    }
    println!("condvar {}", consumer.join().unwrap());
    let r = pair.1.wait_timeout(pair.0.lock().unwrap(), Duration::from_millis(5)).unwrap();
    println!("timed out {}", r.1.timed_out());
}

fn rwlock() {
    let lock = RwLock::new((0u32, 0u32));
    thread::scope(|s| {
        for i in 0..6 {
            let lock = &lock;
            s.spawn(move || {
                for n in 0..300 {
                    if (n + i) % 7 == 0 {
                        let mut w = lock.write().unwrap();
                        w.0 += 1;
                        thread::yield_now();
                        w.1 += 1;
                    } else {
                        let r = lock.read().unwrap();
                        assert_eq!(r.0, r.1);
                    }
                }
            });
        }
    });
    println!("rwlock {:?}", lock.read().unwrap());
}

fn others() {
    static ONCE: Once = Once::new();
    static CELL: OnceLock<usize> = OnceLock::new();
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let barrier = Barrier::new(5);
    let leaders = AtomicUsize::new(0);
    thread::scope(|s| {
        for _ in 0..5 {
            let (barrier, leaders) = (&barrier, &leaders);
            s.spawn(move || {
                for _ in 0..50 {
                    if barrier.wait().is_leader() {
                        leaders.fetch_add(1, Ordering::SeqCst);
                    }
                }
                ONCE.call_once(|| {
                    thread::sleep(Duration::from_millis(2));
                    RUNS.fetch_add(1, Ordering::SeqCst);
                });
                CELL.get_or_init(|| {
                    thread::yield_now();
                    RUNS.fetch_add(1, Ordering::SeqCst);
                    9
                });
            });
        }
    });
    println!("leaders {leaders:?} runs {RUNS:?} cell {CELL:?}");
    let flag = Arc::new(AtomicBool::new(false));
    let parked = {
        let flag = flag.clone();
        thread::spawn(move || {
            while !flag.load(Ordering::SeqCst) {
                thread::park();
            }
            thread::park_timeout(Duration::from_millis(3));
        })
    };
    thread::sleep(Duration::from_millis(5));
    flag.store(true, Ordering::SeqCst);
    parked.thread().unpark();
    parked.join().unwrap();
    println!("unparked");
}

fn channels() {
    let (tx, rx) = channel();
    let (bounded, out) = sync_channel(0);
    for i in 0..4u64 {
        let (tx, bounded) = (tx.clone(), bounded.clone());
        thread::spawn(move || {
            for n in 0..200 {
                tx.send(n * i).unwrap();
                bounded.send(n).unwrap();
            }
        });
    }
    drop(tx);
    drop(bounded);
    let passed: u64 = out.iter().sum();
    println!("channels {} {passed}", rx.iter().sum::<u64>());
    let (_keep, rx) = channel::<u8>();
    println!("{}", matches!(rx.recv_timeout(Duration::from_millis(3)), Err(RecvTimeoutError::Timeout)));
}

fn main() {
    mutex();
    condvar();
    rwlock();
    others();
    channels();
}
