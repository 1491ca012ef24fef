%row = type { ptr, ptr, i64, i64 }     ; kernel, slots, chunks, how many threads to wake for it
%lock = type [32 x i64]                ; more than any system's mutex or condition takes
%team = type {
  i64, [15 x i64],                     ; 0 the ticket
  i64, [15 x i64],                     ; 2 chunks of the row that are not finished
  ptr, ptr, ptr, i64,                  ; 4 row, 5 end of the rows, 6 scratch, 7 its stride
  i64, [11 x i64],                     ; 8 when the last call ended
  i64, i64, [14 x i64],                ; 10 threads asleep, 11 of them allowed to get up
  %lock, %lock                         ; 13 mutex, 14 condition
}
$declare_pause
$declare_control
declare i32 @clock_gettime(i32, ptr)
declare i32 @usleep(i32)
declare i32 @sched_yield()
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_signal(ptr)

; A new team in zeroed memory.
define void @striate_open(ptr %team) {
  %mutex = getelementptr %team, ptr %team, i32 0, i32 13
  %condition = getelementptr %team, ptr %team, i32 0, i32 14
  call i32 @pthread_mutex_init(ptr %mutex, ptr null)
  call i32 @pthread_cond_init(ptr %condition, ptr null)
  store i64 $idle, ptr %team
  ret void
}

; One chunk of a row.
define internal void @chunk(ptr %row, i64 %number, ptr %scratch) {
  %slots_at = getelementptr %row, ptr %row, i32 0, i32 1
  %kernel = load ptr, ptr %row
  %slots = load ptr, ptr %slots_at
  call void %kernel(ptr %slots, i64 %number, ptr %scratch)
  ret void
}

; From here on, numbers too small for float32's usual form count as zero in this thread; returns how
; it was before.
define internal i64 @flush() {
  %before = call i64 @control()
  %flushing = or i64 %before, $flush
  call void @set_control(i64 %flushing)
  ret i64 %before
}

; Rows in this thread alone.
define void @striate_alone(ptr %first, ptr %end, ptr %scratch) {
entry:
  %control = call i64 @flush()
  br label %look
look:
  %row = phi ptr [ %first, %entry ], [ %next, %begin ], [ %next, %work ]
  %over = icmp eq ptr %row, %end
  br i1 %over, label %done, label %begin
begin:
  %chunks_at = getelementptr %row, ptr %row, i32 0, i32 2
  %chunks = load i64, ptr %chunks_at
  %next = getelementptr %row, ptr %row, i32 1
  %some = icmp sgt i64 %chunks, 0
  br i1 %some, label %work, label %look
work:
  %number = phi i64 [ 0, %begin ], [ %following, %work ]
  call void @chunk(ptr %row, i64 %number, ptr %scratch)
  %following = add i64 %number, 1
  %more = icmp slt i64 %following, %chunks
  br i1 %more, label %work, label %look
done:
  call void @set_control(i64 %control)
  ret void
}

; Rows together with the workers. One call at a time; `scratch` holds a part for every thread. Where
; calls come one after the other, the workers get up one by one, be the calls ever so small: they
; will find the next call before they sleep again.
define void @striate_call(ptr %team, ptr %first, ptr %end, ptr %scratch, i64 %stride) {
  %control = call i64 @flush()
  %row_at = getelementptr %team, ptr %team, i32 0, i32 4
  %end_at = getelementptr %team, ptr %team, i32 0, i32 5
  %scratch_at = getelementptr %team, ptr %team, i32 0, i32 6
  %stride_at = getelementptr %team, ptr %team, i32 0, i32 7
  store ptr %end, ptr %end_at
  store ptr %scratch, ptr %scratch_at
  store i64 %stride, ptr %stride_at
  %ended_at = getelementptr %team, ptr %team, i32 0, i32 8
  %ended = load i64, ptr %ended_at
  %begun = call i64 @now()
  %between = sub i64 %begun, %ended
  %soon = icmp slt i64 %between, $patience
  %one = zext i1 %soon to i64
  call void @wake(ptr %team, i64 %one)
  call void @advance(ptr %team, ptr %first, ptr %scratch)
  call void @serve(ptr %team, i64 0)
  %now = call i64 @now()
  store i64 %now, ptr %ended_at
  call void @set_control(i64 %control)
  ret void
}

; The life of worker `number`, from 1.
define void @striate_work(ptr %team, i64 %number) {
  call i64 @flush()
  call void @serve(ptr %team, i64 %number)
  ret void
}

; Go on to a row: do rows of one chunk here, show the first that has more. The ticket's number of
; chunks is 0 now, so that nobody else touches the team's rows.
define internal void @advance(ptr %team, ptr %first, ptr %scratch) {
entry:
  %end_at = getelementptr %team, ptr %team, i32 0, i32 5
  %end = load ptr, ptr %end_at
  %before = load atomic i64, ptr %team monotonic, align 8
  %mask = and i64 %before, $number
  %sequence = add i64 %mask, $step
  br label %look
look:
  %row = phi ptr [ %first, %entry ], [ %next, %single ], [ %next, %begin ]
  %over = icmp eq ptr %row, %end
  br i1 %over, label %done, label %begin
begin:
  %next = getelementptr %row, ptr %row, i32 1
  %chunks_at = getelementptr %row, ptr %row, i32 0, i32 2
  %chunks = load i64, ptr %chunks_at
  switch i64 %chunks, label %show [ i64 0, label %look
                                    i64 1, label %single ]
single:
  call void @chunk(ptr %row, i64 0, ptr %scratch)
  br label %look
show:
  %unfinished = getelementptr %team, ptr %team, i32 0, i32 2
  %row_at = getelementptr %team, ptr %team, i32 0, i32 4
  %worth_at = getelementptr %row, ptr %row, i32 0, i32 3
  %worth = load i64, ptr %worth_at
  store atomic i64 %chunks, ptr %unfinished monotonic, align 8
  store ptr %row, ptr %row_at
  %ticket = or i64 %sequence, %chunks
  store atomic i64 %ticket, ptr %team seq_cst, align 8
  call void @wake(ptr %team, i64 %worth)
  ret void
done:
  %idle = or i64 %sequence, $idle
  store atomic i64 %idle, ptr %team seq_cst, align 8
  ret void
}

; Take chunks and finish rows; thread 0 until the call is over, a worker for ever.
define internal void @serve(ptr %team, i64 %thread) {
entry:
  %unfinished = getelementptr %team, ptr %team, i32 0, i32 2
  %row_at = getelementptr %team, ptr %team, i32 0, i32 4
  %scratch_at = getelementptr %team, ptr %team, i32 0, i32 6
  %stride_at = getelementptr %team, ptr %team, i32 0, i32 7
  %done = alloca i64                   ; chunks done of the current row
  %looks = alloca i64                  ; in vain
  %since = alloca i64                  ; when the clock was first asked while looking in vain
  store i64 0, ptr %done
  store i64 0, ptr %looks
  br label %look
look:
  %ticket = load atomic i64, ptr %team acquire, align 8
  %left = and i64 %ticket, $chunks
  %none = icmp eq i64 %left, 0
  br i1 %none, label %without, label %take
take:
  %fewer = sub i64 %ticket, 1
  %swap = cmpxchg ptr %team, i64 %ticket, i64 %fewer acquire monotonic, align 8
  %won = extractvalue { i64, i1 } %swap, 1
  br i1 %won, label %work, label %look
work:
  %row = load ptr, ptr %row_at
  %chunks_at = getelementptr %row, ptr %row, i32 0, i32 2
  %chunks = load i64, ptr %chunks_at
  %number = sub i64 %chunks, %left
  %base = load ptr, ptr %scratch_at
  %stride = load i64, ptr %stride_at
  %offset = mul i64 %thread, %stride
  %scratch = getelementptr i8, ptr %base, i64 %offset
  call void @chunk(ptr %row, i64 %number, ptr %scratch)
  %had = load i64, ptr %done
  %has = add i64 %had, 1
  store i64 %has, ptr %done
  store i64 0, ptr %looks
  br label %look
without:
  %mine = load i64, ptr %done
  %idler = icmp eq i64 %mine, 0
  br i1 %idler, label %wait, label %settle
settle:                                ; the row may go on when nobody has chunks to settle
  store i64 0, ptr %done
  %finished = load ptr, ptr %row_at
  %own_base = load ptr, ptr %scratch_at
  %own_stride = load i64, ptr %stride_at
  %before = atomicrmw sub ptr %unfinished, i64 %mine acq_rel, align 8
  %last = icmp eq i64 %before, %mine
  br i1 %last, label %onward, label %look
onward:
  %own_offset = mul i64 %thread, %own_stride
  %own = getelementptr i8, ptr %own_base, i64 %own_offset
  %next = getelementptr %row, ptr %finished, i32 1
  call void @advance(ptr %team, ptr %next, ptr %own)
  br label %look
wait:
  %caller = icmp eq i64 %thread, 0
  %idle = and i64 %ticket, $idle
  %over = icmp ne i64 %idle, 0
  %leaves = and i1 %caller, %over
  br i1 %leaves, label %leave, label %pause
pause:
  $pause
  %looked = load i64, ptr %looks
  %more = add i64 %looked, 1
  store i64 %more, ptr %looks
  %phase = urem i64 %more, $glances
  %ask = icmp eq i64 %phase, 0
  br i1 %ask, label %clock, label %look
clock:
  %now = call i64 @now()
  %first = icmp eq i64 %more, $glances
  br i1 %first, label %begin, label %lasted
begin:
  store i64 %now, ptr %since
  br label %look
lasted:
  %start = load i64, ptr %since
  %time = sub i64 %now, %start
  %polite = icmp sgt i64 %time, $spin
  br i1 %polite, label %yield, label %look
yield:
  call i32 @sched_yield()
  %limit = select i1 %caller, i64 $hold, i64 $patience
  %tired = icmp sgt i64 %time, %limit
  br i1 %tired, label %rest, label %look
rest:
  br i1 %caller, label %nap, label %sleep
nap:
  call i32 @usleep(i32 $nap)
  br label %look
sleep:
  call void @sleep(ptr %team, i64 %ticket)
  store i64 0, ptr %looks
  br label %look
leave:
  ret void
}

; Let up to `count` sleeping threads get up. `sleepers` is written with the mutex held; the ticket
; that they are to find was stored before it is read here, and they read it after writing.
define internal void @wake(ptr %team, i64 %count) {
entry:
  %sleepers_at = getelementptr %team, ptr %team, i32 0, i32 10
  %allowed_at = getelementptr %team, ptr %team, i32 0, i32 11
  %mutex = getelementptr %team, ptr %team, i32 0, i32 13
  %condition = getelementptr %team, ptr %team, i32 0, i32 14
  %glance = load atomic i64, ptr %sleepers_at seq_cst, align 8
  %asleep = icmp ne i64 %glance, 0
  %wanted = icmp ne i64 %count, 0
  %needed = and i1 %asleep, %wanted
  br i1 %needed, label %enter, label %done
enter:
  call i32 @pthread_mutex_lock(ptr %mutex)
  br label %look
look:
  %given = phi i64 [ 0, %enter ], [ %more, %allow ]
  %sleepers = load atomic i64, ptr %sleepers_at monotonic, align 8
  %some = icmp ne i64 %sleepers, 0
  %short = icmp slt i64 %given, %count
  %again = and i1 %some, %short
  br i1 %again, label %allow, label %exit
allow:
  %fewer = sub i64 %sleepers, 1
  store atomic i64 %fewer, ptr %sleepers_at monotonic, align 8
  %allowed = load i64, ptr %allowed_at
  %raised = add i64 %allowed, 1
  store i64 %raised, ptr %allowed_at
  call i32 @pthread_cond_signal(ptr %condition)
  %more = add i64 %given, 1
  br label %look
exit:
  call i32 @pthread_mutex_unlock(ptr %mutex)
  br label %done
done:
  ret void
}

; Sleep until `wake` allows to get up, unless the ticket has changed.
define internal void @sleep(ptr %team, i64 %seen) {
entry:
  %sleepers_at = getelementptr %team, ptr %team, i32 0, i32 10
  %allowed_at = getelementptr %team, ptr %team, i32 0, i32 11
  %mutex = getelementptr %team, ptr %team, i32 0, i32 13
  %condition = getelementptr %team, ptr %team, i32 0, i32 14
  call i32 @pthread_mutex_lock(ptr %mutex)
  %sleepers = load atomic i64, ptr %sleepers_at monotonic, align 8
  %more = add i64 %sleepers, 1
  store atomic i64 %more, ptr %sleepers_at seq_cst, align 8
  %ticket = load atomic i64, ptr %team seq_cst, align 8
  %same = icmp eq i64 %ticket, %seen
  br i1 %same, label %look, label %stay
stay:
  store atomic i64 %sleepers, ptr %sleepers_at monotonic, align 8
  br label %done
look:
  %allowed = load i64, ptr %allowed_at
  %none = icmp eq i64 %allowed, 0
  br i1 %none, label %wait, label %rise
wait:
  call i32 @pthread_cond_wait(ptr %condition, ptr %mutex)
  br label %look
rise:
  %fewer = sub i64 %allowed, 1
  store i64 %fewer, ptr %allowed_at
  br label %done
done:
  call i32 @pthread_mutex_unlock(ptr %mutex)
  ret void
}

; Nanoseconds.
define internal i64 @now() {
  %time = alloca { i64, i64 }
  %nanoseconds_at = getelementptr { i64, i64 }, ptr %time, i32 0, i32 1
  call i32 @clock_gettime(i32 $clock, ptr %time)
  %seconds = load i64, ptr %time
  %nanoseconds = load i64, ptr %nanoseconds_at
  %scaled = mul i64 %seconds, 1000000000
  %all = add i64 %scaled, %nanoseconds
  ret i64 %all
}
