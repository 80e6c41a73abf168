// Rust's std::sync and std::thread, which sleep on futexes of their own: Mutex, Condvar, RwLock, Once, Barrier, mpsc,
// scoped threads, park, thread locals, panics.
// vervet-timeout: 40
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Arc, Barrier, Condvar, Mutex, Once, RwLock};
use std::thread;
use std::time::Duration;

thread_local! {
    static LOCAL: Cell<u32> = const { Cell::new(5) };
    static DROPPED: Noisy = Noisy("thread local");
}

struct Noisy(&'static str);

impl Drop for Noisy {
    fn drop(&mut self) {
        DROPS.fetch_add(self.0.len(), Ordering::SeqCst);
    }
}

static DROPS: AtomicUsize = AtomicUsize::new(0);

fn locks() {
    let data = Arc::new((Mutex::new(0), RwLock::new(0), Barrier::new(8)));
    let threads: Vec<_> = (0..8)
        .map(|i| {
            let data = data.clone();
            thread::spawn(move || {
                data.2.wait();
                for n in 0..500 {
                    let mut guard = data.0.lock().unwrap();
                    let before = *guard;
                    if n % 100 == i {
                        thread::yield_now();
                    }
                    *guard = before + 1;
                    drop(guard);
                    if n % 5 == 0 {
                        *data.1.write().unwrap() += 1;
                    } else {
                        assert!(*data.1.read().unwrap() <= 800);
                    }
                }
                LOCAL.with(|l| l.set(l.get() + i as u32));
                DROPPED.with(|_| ());
                LOCAL.with(|l| l.get())
            })
        })
        .collect();
    let locals: Vec<u32> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    println!("mutex {} rwlock {} locals {:?}", data.0.lock().unwrap(), data.1.read().unwrap(), locals);
    println!("dropped {}", DROPS.load(Ordering::SeqCst));
}

fn conditions() {
    let pair = Arc::new((Mutex::new(0), Condvar::new()));
    let other = pair.clone();
    let t = thread::spawn(move || {
        for i in 0..200 {
            let mut n = other.1.wait_while(other.0.lock().unwrap(), |n| *n != 2 * i + 1).unwrap();
            *n += 1;
            other.1.notify_one();
        }
    });
    for i in 0..200 {
        let mut n = pair.1.wait_while(pair.0.lock().unwrap(), |n| *n != 2 * i).unwrap();
        *n += 1;
        pair.1.notify_one();
    }
    t.join().unwrap();
    let (guard, result) = pair.1.wait_timeout(pair.0.lock().unwrap(), Duration::from_millis(10)).unwrap();
    println!("ping-pong {} timed out {}", *guard, result.timed_out());
}

fn channels() {
    let (tx, rx) = mpsc::sync_channel(3);
    let producers: Vec<_> = (0..4)
        .map(|p| {
            let tx = tx.clone();
            thread::spawn(move || (0..100).for_each(|i| tx.send(p * 1000 + i).unwrap()))
        })
        .collect();
    drop(tx);
    let sum: i32 = rx.iter().sum();
    producers.into_iter().for_each(|p| p.join().unwrap());
    let (tx, rx) = mpsc::channel::<i32>();
    println!("sum {} {:?}", sum, rx.recv_timeout(Duration::from_millis(10)));
    drop(tx);
    println!("{:?}", rx.recv());
}

fn parking() {
    let order = Arc::new(Mutex::new(vec![]));
    let inner = order.clone();
    let t = thread::Builder::new()
        .name("parked".into())
        .stack_size(256 * 1024)
        .spawn(move || {
            thread::park();
            inner.lock().unwrap().push(thread::current().name().unwrap().to_string());
            thread::park_timeout(Duration::from_millis(5));
        })
        .unwrap();
    thread::sleep(Duration::from_millis(5));
    order.lock().unwrap().push("unpark".into());
    t.thread().unpark();
    t.join().unwrap();
    println!("{:?}", order.lock().unwrap());
    static ONCE: Once = Once::new();
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    thread::scope(|s| {
        for _ in 0..6 {
            s.spawn(|| {
                ONCE.call_once(|| {
                    thread::sleep(Duration::from_millis(3));
                    COUNT.fetch_add(1, Ordering::SeqCst);
                });
                assert_eq!(COUNT.load(Ordering::SeqCst), 1);
            });
        }
    });
    println!("once {}", COUNT.load(Ordering::SeqCst));
}

fn panics() {
    std::panic::set_hook(Box::new(|_| ()));
    let t = thread::spawn(|| {
        let _noisy = Noisy("unwound");
        thread::sleep(Duration::from_millis(2));
        panic!("on purpose");
    });
    println!("panicked {} dropped {}", t.join().is_err(), DROPS.load(Ordering::SeqCst));
}

fn network() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        for stream in listener.incoming().take(10) {
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut buffer = [0; 100];
                while let Ok(n @ 1..) = stream.read(&mut buffer) {
                    stream.write_all(&buffer[..n]).unwrap();
                }
            });
        }
    });
    let clients: Vec<_> = (0..10u8)
        .map(|i| {
            thread::spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                let mut buffer = [0; 50];
                for _ in 0..10 {
                    stream.write_all(&[i; 50]).unwrap();
                    stream.read_exact(&mut buffer).unwrap();
                    assert_eq!(buffer, [i; 50]);
                }
                stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
                stream.read(&mut buffer).unwrap_err().kind()
            })
        })
        .collect();
    for c in clients {
        print!("{:?} ", c.join().unwrap());
    }
    server.join().unwrap();
    println!("echoed");
}

fn main() {
    locks();
    conditions();
    channels();
    parking();
    panics();
    network();
}
