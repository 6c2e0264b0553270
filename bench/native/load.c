// The load generator in C: the same plan, phases, answers file and result line as bench/load.ts, at a smaller cost a bid, so that on
// a machine of few cores more of them is left to what is measured.
//
// Must not: differ from load.ts in what it counts. Where the two files say the same, load.ts has the reasons.
//
//   load PLAN        reads the plan, speaks one line of JSON a phase on stdout, ends with the result
//
// It sleeps between planned times instead of spinning: the kernel's timers are good to some microseconds here, which the lag shows.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
  ID_FROM = 1000000,
  AUCTION_ID_LENGTH = 36,
  KEY_DIGITS = 12,
  AMOUNT_DIGITS = 10,
  ID_DIGITS = 7,
  HEADER_BYTES = 8,
  OPEN_IN_FLIGHT_MAX = 32768,
  TURN_BIDS_MAX = 256,
  EVENTS_MAX = 1024,
  IN_BYTES = 65536,
  OUT_BYTES = 262144,
  CODES_MAX = 64,
  CODE_LENGTH_MAX = 64,
  EXACT_BITS = 11,
  EXACT = 1 << EXACT_BITS,
  HALF = EXACT / 2,
  BITS_MAX = 36,
  BUCKETS = EXACT + (BITS_MAX - EXACT_BITS) * HALF,
  ROWS_AT_ONCE = 1 << 20,
  DRAIN_MS = 10000,
};
#define AMOUNT_FROM 1000000000ULL
#define AMOUNT_STEP 2ULL
#define BIDS_MAX 4000000000ULL
#define KEY_PREFIX "0197a1c4-55d0-7c3e-9a55-"
#define ZEROS_36 "000000000000000000000000000000000000"
#define BID_TEXT                                                                                                              \
  "{\"type\":\"place_bid\",\"id\":1000000,\"auctionId\":\"" ZEROS_36 "\",\"key\":\"" KEY_PREFIX "000000000000\",\"amountMinor\":1000000000,\"currency\":\"USD\"}"

static const size_t BID_TEXT_LENGTH = sizeof(BID_TEXT) - 1;

// The plan.

static char host[64] = "127.0.0.1", answers_file[4096];
static int port, in_flight, is_open_loop;
static double rate, warm_up_ms, measure_ms;
static uint32_t seed;
static uint64_t bids, first, stride = 1;
static char **tokens, **auctions;
static uint32_t token_count, auction_count;

// What runs.

typedef struct {
  int fd, is_upgraded, waits_for_room;
  uint32_t in_length, out_from, out_length;
  char *in, *out;
} Socket;

typedef struct {
  uint32_t socket, auction;
  uint64_t from_ns;
} Slot;

typedef struct {
  uint32_t n, auction, sequence, accepted;
  double price;
} Row;

typedef struct {
  char code[CODE_LENGTH_MAX];
  uint64_t count;
} CodeCount;

static enum { JOINING, WARMING, MEASURING, DRAINING } phase = JOINING;
static Socket *sockets;
static Slot *slots;
static uint32_t slot_count, *free_slots, free_slot_count, *ring, ring_head, ring_free, welcomed, next_socket;
static int one_each, epoll_fd;
static uint64_t next_bid, sent, settled, refused_total, answered, accepted, notices, planned, measured_from_ns, measure_until_ns, drain_until_ns, due_ns;
static double measured_seconds, cpu_from, cpu_seconds;
static uint64_t latency[BUCKETS], lag[BUCKETS];
static CodeCount rejected[CODES_MAX], refused[CODES_MAX];
static Row *rows;
static uint64_t row_count, row_room;
static int auction_at, id_at, key_number_at, amount_at;
static uint32_t dirty_count, *dirty;
static uint32_t random_state;

static uint64_t now_ns(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (uint64_t)at.tv_sec * 1000000000ULL + (uint64_t)at.tv_nsec;
}

static double cpu_now(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void say(const char *line) {
  printf("%s\n", line);
  fflush(stdout);
}

static void fail(const char *format, ...) {
  char why[512];
  va_list values;
  va_start(values, format);
  vsnprintf(why, sizeof why, format, values);
  va_end(values);
  for (char *at = why; *at != 0; at++)
    if (*at == '"' || *at == '\\' || (unsigned char)*at < ' ') *at = '\'';
  printf("{\"event\":\"failed\",\"why\":\"%s\"}\n", why);
  fflush(stdout);
  exit(1);
}

static void *room(size_t count, size_t size) {
  void *found = calloc(count == 0 ? 1 : count, size);
  if (found == NULL) fail("no memory for %zu things of %zu bytes", count, size);
  return found;
}

// Counts of durations (counts.ts).

static void count_duration(uint64_t *counts, int64_t ns) {
  uint64_t us = ns <= 0 ? 0 : (uint64_t)(ns + 500) / 1000;
  uint32_t bucket;
  if (us < EXACT) bucket = (uint32_t)us;
  else {
    int bits = 64 - __builtin_clzll(us);
    int shift = (bits > BITS_MAX ? BITS_MAX : bits) - EXACT_BITS;
    uint64_t place = EXACT + (uint64_t)(shift - 1) * HALF + ((us >> shift) - HALF);
    bucket = place >= BUCKETS ? BUCKETS - 1 : (uint32_t)place;
  }
  counts[bucket]++;
}

static uint64_t upper_end(uint32_t bucket) {
  if (bucket < EXACT) return bucket;
  int shift = (int)(bucket - EXACT) / HALF + 1;
  uint64_t top = (bucket - EXACT) % HALF + HALF;
  return ((top + 1) << shift) - 1;
}

static void count_code(CodeCount *counts, const char *code, size_t length) {
  if (length >= CODE_LENGTH_MAX) length = CODE_LENGTH_MAX - 1;
  for (int i = 0; i < CODES_MAX; i++) {
    if (counts[i].count > 0 && (strlen(counts[i].code) != length || memcmp(counts[i].code, code, length) != 0)) continue;
    memcpy(counts[i].code, code, length);
    counts[i].code[length] = 0;
    counts[i].count++;
    return;
  }
}

// Auctions (auction-queue.ts).

static int64_t take_auction(void) {
  if (ring_free == 0) return -1;
  uint32_t auction = ring[ring_head];
  ring_head = ring_head + 1 == auction_count ? 0 : ring_head + 1;
  if (one_each) ring_free--;
  return auction;
}

static void give_auction(uint32_t auction) {
  if (!one_each) return;
  uint32_t tail = ring_head + ring_free;
  ring[tail >= auction_count ? tail - auction_count : tail] = auction;
  ring_free++;
}

// Sending. What one turn sends on a socket leaves in one call at its end.

static void watch_room(Socket *socket, uint32_t index, int wanted) {
  struct epoll_event event = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.u32 = index};
  socket->waits_for_room = wanted;
  if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, socket->fd, &event) != 0) fail("epoll_ctl: %s", strerror(errno));
}

static void flush(uint32_t index) {
  Socket *socket = &sockets[index];
  while (socket->out_from < socket->out_length) {
    ssize_t written = send(socket->fd, socket->out + socket->out_from, socket->out_length - socket->out_from, MSG_NOSIGNAL);
    if (written >= 0) socket->out_from += (uint32_t)written;
    else if (errno == EAGAIN) {
      if (!socket->waits_for_room) watch_room(socket, index, 1);
      return;
    } else if (errno != EINTR) fail("socket %u: %s", index, strerror(errno));
  }
  socket->out_from = socket->out_length = 0;
  if (socket->waits_for_room) watch_room(socket, index, 0);
}

static void flush_dirty(void) {
  for (uint32_t i = 0; i < dirty_count; i++) flush(dirty[i]);
  dirty_count = 0;
}

static char *out_room(uint32_t index, size_t bytes) {
  Socket *socket = &sockets[index];
  if (socket->out_length + bytes > OUT_BYTES) fail("socket %u: more than %d bytes wait to be sent", index, OUT_BYTES);
  if (socket->out_length == 0) dirty[dirty_count++] = index;
  char *at = socket->out + socket->out_length;
  socket->out_length += (uint32_t)bytes;
  return at;
}

// The mask is zero, so the bytes behind the header are the payload itself.
static void write_frame(uint32_t index, unsigned char first_byte, const char *payload, size_t length) {
  char *at = out_room(index, HEADER_BYTES + length);
  at[0] = (char)first_byte;
  at[1] = (char)(0x80 | 126);
  at[2] = (char)(length >> 8);
  at[3] = (char)length;
  memset(at + 4, 0, 4);
  memcpy(at + HEADER_BYTES, payload, length);
}

static void write_digits(char *at, int digits, uint64_t value) {
  for (int i = digits - 1; i >= 0; i--) {
    at[i] = (char)('0' + value % 10);
    value /= 10;
  }
}

static int bid(uint32_t index, uint64_t from_ns) {
  if (phase == DRAINING || (bids > 0 && sent >= bids)) return 0;
  int64_t auction = take_auction();
  if (auction < 0) return 0;
  if (next_bid >= BIDS_MAX) fail("a run has at most %llu bids", BIDS_MAX);
  Slot *slot = &slots[index];
  slot->auction = (uint32_t)auction;
  slot->from_ns = from_ns;
  char *at = out_room(slot->socket, HEADER_BYTES + BID_TEXT_LENGTH);
  at[0] = (char)0x81;
  at[1] = (char)(0x80 | 126);
  at[2] = (char)(BID_TEXT_LENGTH >> 8);
  at[3] = (char)BID_TEXT_LENGTH;
  memset(at + 4, 0, 4);
  at += HEADER_BYTES;
  memcpy(at, BID_TEXT, BID_TEXT_LENGTH);
  write_digits(at + id_at, ID_DIGITS, ID_FROM + index);
  memcpy(at + auction_at, auctions[auction], AUCTION_ID_LENGTH);
  write_digits(at + key_number_at, KEY_DIGITS, next_bid);
  write_digits(at + amount_at, AMOUNT_DIGITS, AMOUNT_FROM + next_bid * AMOUNT_STEP);
  sent++;
  next_bid = first + sent * stride;
  return 1;
}

// Phases.

static void measure(void) {
  phase = MEASURING;
  measured_from_ns = now_ns();
  measure_until_ns = measure_ms > 0 ? measured_from_ns + (uint64_t)(measure_ms * 1e6) : UINT64_MAX;
  cpu_from = cpu_now();
  say("{\"event\":\"measuring\"}");
}

static void drain(void) {
  if (phase == DRAINING) return;
  phase = DRAINING;
  uint64_t at = now_ns();
  measured_seconds = (double)(at - measured_from_ns) / 1e9;
  cpu_seconds = cpu_now() - cpu_from;
  drain_until_ns = at + (uint64_t)DRAIN_MS * 1000000ULL;
  say("{\"event\":\"measured\"}");
}

static void begin(void) {
  say("{\"event\":\"ready\"}");
  phase = WARMING;
  uint64_t at = now_ns();
  if (is_open_loop) {
    slot_count = OPEN_IN_FLIGHT_MAX;
    for (uint32_t index = 0; index < slot_count; index++) free_slots[free_slot_count++] = index;
    due_ns = at;
  } else {
    for (int round = 0; round < in_flight; round++) {
      for (uint32_t index = 0; index < token_count; index++) {
        slots[slot_count].socket = index;
        bid(slot_count++, at);
      }
    }
  }
  measure_until_ns = at + (uint64_t)(warm_up_ms * 1e6);
  if (warm_up_ms <= 0) measure();
}

// Answers.

static void settle(uint32_t index, Slot *slot) {
  settled++;
  give_auction(slot->auction);
  if (is_open_loop) free_slots[free_slot_count++] = index;
  else bid(index, now_ns());
  if (bids > 0 && settled >= bids) drain();
}

static void keep(uint32_t n, uint32_t auction, uint32_t sequence, int is_accepted, double price) {
  if (row_count == row_room) {
    row_room += ROWS_AT_ONCE;
    rows = realloc(rows, row_room * sizeof(Row));
    if (rows == NULL) fail("no memory for %llu answers", (unsigned long long)row_room);
  }
  rows[row_count++] = (Row){n, auction, sequence, (uint32_t)is_accepted, price};
}

static int skip(const char **at, const char *end, const char *words) {
  size_t length = strlen(words);
  if ((size_t)(end - *at) < length || memcmp(*at, words, length) != 0) return 0;
  *at += length;
  return 1;
}

static int number(const char **at, const char *end, uint64_t *value) {
  const char *from = *at;
  uint64_t found = 0;
  while (*at < end && **at >= '0' && **at <= '9') found = found * 10 + (uint64_t)(*(*at)++ - '0');
  *value = found;
  return *at > from;
}

static int past(const char **at, const char *end, char byte) {
  const char *found = memchr(*at, byte, (size_t)(end - *at));
  if (found == NULL) return 0;
  *at = found + 1;
  return 1;
}

// 1 if the message is the answer to a first sending of a bid of ours (bid-frame.ts, AnswerReader).
static int read_answer(const char *at, const char *end) {
  uint64_t id, n, sequence, ignored, price = 0;
  if (!skip(&at, end, "{\"type\":\"bid_answer\",\"id\":") || !number(&at, end, &id)) return 0;
  if (!skip(&at, end, ",\"key\":\"" KEY_PREFIX) || !number(&at, end, &n)) return 0;
  if (!skip(&at, end, "\",\"replayed\":false,\"answer\":{\"verdict\":\"")) return 0;
  int is_accepted = skip(&at, end, "accepted");
  if (!is_accepted && !skip(&at, end, "rejected")) return 0;
  if (!skip(&at, end, "\",\"code\":\"")) return 0;
  const char *code = at;
  if (!past(&at, end, '"')) return 0;
  const char *code_end = at - 1;
  if (!skip(&at, end, ",\"auctionId\":\"") || end - at < AUCTION_ID_LENGTH) return 0;
  at += AUCTION_ID_LENGTH;
  if (!skip(&at, end, "\",\"sequence\":") || !number(&at, end, &sequence)) return 0;
  if (!skip(&at, end, ",\"epoch\":") || !number(&at, end, &ignored)) return 0;
  if (!skip(&at, end, ",\"decidedAtMs\":") || !number(&at, end, &ignored)) return 0;
  if (!skip(&at, end, ",\"standing\":") || !past(&at, end, ',')) return 0;
  at--;
  if (!skip(&at, end, ",\"currentPriceMinor\":")) return 0;
  int has_price = !skip(&at, end, "null");
  if (has_price && !number(&at, end, &price)) return 0;
  uint64_t index = id - ID_FROM;
  if (id < ID_FROM || index >= slot_count) fail("an answer bears the id %llu, which no bid has", (unsigned long long)id);
  Slot *slot = &slots[index];
  keep((uint32_t)n, slot->auction, (uint32_t)sequence, is_accepted, has_price ? (double)price : -1);
  if (phase == MEASURING) {
    answered++;
    if (is_accepted) accepted++;
    else count_code(rejected, code, (size_t)(code_end - code));
    count_duration(latency, (int64_t)(now_ns() - slot->from_ns));
  }
  settle((uint32_t)index, slot);
  return 1;
}

static const char *member(const char *from, const char *end, const char *name) {
  char *found = memmem(from, (size_t)(end - from), name, strlen(name));
  return found == NULL ? NULL : found + strlen(name);
}

static void other_message(uint32_t socket, const char *from, const char *end) {
  const char *at = from;
  if (skip(&at, end, "{\"type\":\"outbid\"")) {
    if (phase == MEASURING) notices++;
  } else if (skip(&at, end, "{\"type\":\"welcome\"")) {
    if (++welcomed == token_count) begin();
  } else if (skip(&at, end, "{\"type\":\"error\"")) {
    const char *id_text = member(from, end, "\"id\":"), *code = member(from, end, "\"code\":\"");
    uint64_t id = 0;
    const char *code_end = code;
    if (id_text == NULL || code == NULL || !number(&id_text, end, &id) || id < ID_FROM || id - ID_FROM >= slot_count || !past(&code_end, end, '"'))
      fail("socket %u: an unexpected frame: %.*s", socket, (int)(end - from), from);
    refused_total++;
    if (phase == MEASURING) count_code(refused, code, (size_t)(code_end - 1 - code));
    settle((uint32_t)(id - ID_FROM), &slots[id - ID_FROM]);
  } else if (skip(&at, end, "{\"type\":\"bid_answer\"")) fail("socket %u: an unexpected frame: %.*s", socket, (int)(end - from), from);
  else if (phase == MEASURING) notices++;
}

// Sockets.

static void open_socket(uint32_t index) {
  Socket *socket_ = &sockets[index];
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) fail("%s is no IPv4 address", host);
  socket_->fd = socket(AF_INET, SOCK_STREAM, 0);
  int on = 1;
  if (socket_->fd < 0 || setsockopt(socket_->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) fail("socket %u: %s", index, strerror(errno));
  if (connect(socket_->fd, (struct sockaddr *)&address, sizeof address) != 0) fail("socket %u: %s", index, strerror(errno));
  if (fcntl(socket_->fd, F_SETFL, O_NONBLOCK) != 0) fail("socket %u: %s", index, strerror(errno));
  socket_->in = room(IN_BYTES, 1);
  socket_->out = room(OUT_BYTES, 1);
  char request[512];
  int length = snprintf(request, sizeof request,
                        "GET /v1/socket HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: fairwarning.v1.json\r\n\r\n",
                        host, port);
  memcpy(out_room(index, (size_t)length), request, (size_t)length);
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, socket_->fd, &event) != 0) fail("epoll_ctl: %s", strerror(errno));
}

static uint32_t upgraded(uint32_t index) {
  Socket *socket = &sockets[index];
  char *end = memmem(socket->in, socket->in_length, "\r\n\r\n", 4);
  if (end == NULL) return 0;
  if (strncmp(socket->in, "HTTP/1.1 101", 12) != 0) fail("socket %u: the upgrade was refused: %.40s", index, socket->in);
  socket->is_upgraded = 1;
  size_t room_needed = strlen(tokens[index]) + 64;
  char *auth = room(room_needed, 1);
  int length = snprintf(auth, room_needed, "{\"type\":\"auth\",\"id\":1,\"token\":\"%s\"}", tokens[index]);
  write_frame(index, 0x81, auth, (size_t)length);
  free(auth);
  return (uint32_t)(end + 4 - socket->in);
}

static void hand_on(uint32_t index, unsigned char head, const char *from, const char *end) {
  if (head == 0x81) {
    if (!read_answer(from, end)) other_message(index, from, end);
  } else if (head == 0x89) {
    // A short control frame has a one-byte length.
    size_t length = (size_t)(end - from);
    char *at = out_room(index, 6 + length);
    at[0] = (char)0x8a;
    at[1] = (char)(0x80 | length);
    memset(at + 2, 0, 4);
    memcpy(at + 6, from, length);
  } else if ((head & 0x0f) == 8) fail("socket %u: closed with %d %.*s", index, end - from < 2 ? 0 : ((unsigned char)from[0] << 8 | (unsigned char)from[1]), end - from < 2 ? 0 : (int)(end - from - 2), from + 2);
  else if ((head & 0x0f) != 10) fail("socket %u: a frame that begins with byte %d", index, head);
}

static void readable(uint32_t index) {
  Socket *socket = &sockets[index];
  ssize_t got = recv(socket->fd, socket->in + socket->in_length, IN_BYTES - socket->in_length, 0);
  if (got == 0) fail("socket %u: the gateway closed it", index);
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return;
    fail("socket %u: %s", index, strerror(errno));
  }
  socket->in_length += (uint32_t)got;
  uint32_t at = socket->is_upgraded ? 0 : upgraded(index);
  while (socket->is_upgraded && socket->in_length - at >= 2) {
    unsigned char *head = (unsigned char *)socket->in + at;
    uint64_t length = head[1] & 0x7f;
    uint32_t header = 2;
    if (length == 126) {
      if (socket->in_length - at < 4) break;
      length = (uint64_t)head[2] << 8 | head[3];
      header = 4;
    } else if (length == 127) fail("socket %u: a frame of more than 65,535 bytes", index);
    if (header + length > IN_BYTES) fail("socket %u: a frame of %llu bytes", index, (unsigned long long)length);
    if (socket->in_length - at < header + length) break;
    const char *from = socket->in + at + header;
    hand_on(index, head[0], from, from + length);
    at += header + (uint32_t)length;
  }
  if (at > 0) memmove(socket->in, socket->in + at, socket->in_length - at);
  socket->in_length -= at;
}

// Planned times (random.ts): exponential gaps out of a xorshift of 32 bits.

static double fraction(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return (double)random_state / 4294967296.0;
}

static void send_due(void) {
  uint64_t at = now_ns();
  for (int turn = 0; due_ns <= at && turn < TURN_BIDS_MAX && free_slot_count > 0; turn++) {
    uint32_t index = free_slots[--free_slot_count];
    slots[index].socket = next_socket;
    next_socket = next_socket + 1 == token_count ? 0 : next_socket + 1;
    if (!bid(index, due_ns)) {
      free_slots[free_slot_count++] = index;
    } else {
      // Sent now: what is planned singly is sent singly.
      flush_dirty();
      if (phase == MEASURING) {
        planned++;
        count_duration(lag, (int64_t)(at - due_ns));
      }
    }
    due_ns += (uint64_t)(-log(1 - fraction()) / rate * 1e9);
    at = now_ns();
  }
}

static uint64_t wake_at(void) {
  uint64_t at = phase == DRAINING ? drain_until_ns : measure_until_ns;
  if (phase == JOINING) return now_ns() + 1000000000ULL;
  if (is_open_loop && phase != DRAINING && free_slot_count > 0 && due_ns < at) return due_ns;
  return at;
}

static void run(void) {
  static struct epoll_event events[EVENTS_MAX];
  for (;;) {
    if (phase == DRAINING && (settled >= sent || now_ns() >= drain_until_ns)) return;
    flush_dirty();
    uint64_t at = now_ns(), until = wake_at();
    uint64_t wait = until > at ? until - at : 0;
    if (wait > 1000000000ULL) wait = 1000000000ULL;
    struct timespec timeout = {.tv_sec = (time_t)(wait / 1000000000ULL), .tv_nsec = (long)(wait % 1000000000ULL)};
    int count = epoll_pwait2(epoll_fd, events, EVENTS_MAX, &timeout, NULL);
    if (count < 0 && errno != EINTR) fail("epoll_pwait2: %s", strerror(errno));
    for (int i = 0; i < count; i++) {
      if ((events[i].events & EPOLLOUT) != 0) flush(events[i].data.u32);
      if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) readable(events[i].data.u32);
      // A closed loop answers each socket at once, as a bidder would.
      if (!is_open_loop) flush_dirty();
    }
    if (is_open_loop && (phase == WARMING || phase == MEASURING)) send_due();
    if (phase == WARMING && now_ns() >= measure_until_ns) measure();
    else if (phase == MEASURING && now_ns() >= measure_until_ns) drain();
  }
}

// The plan's text and the result's (plan.ts).

static void read_plan(const char *file) {
  FILE *in = fopen(file, "r");
  if (in == NULL) fail("%s: %s", file, strerror(errno));
  char *line = NULL;
  size_t line_room = 0, token_room = 0, auction_room = 0;
  for (ssize_t length; (length = getline(&line, &line_room, in)) > 0;) {
    if (line[length - 1] == '\n') line[length - 1] = 0;
    char *value = strchr(line, ' ');
    if (value == NULL) continue;
    *value++ = 0;
    char ***list = strcmp(line, "token") == 0 ? &tokens : strcmp(line, "auction") == 0 ? &auctions : NULL;
    if (list != NULL) {
      uint32_t *count = list == &tokens ? &token_count : &auction_count;
      size_t *list_room = list == &tokens ? &token_room : &auction_room;
      if (*count == *list_room) {
        *list_room = *list_room * 2 + 64;
        *list = realloc(*list, *list_room * sizeof(char *));
        if (*list == NULL) fail("no memory for the plan");
      }
      if (list == &auctions && strlen(value) != AUCTION_ID_LENGTH) fail("%s is no auction id", value);
      (*list)[(*count)++] = strdup(value);
    } else if (strcmp(line, "host") == 0) snprintf(host, sizeof host, "%s", value);
    else if (strcmp(line, "answersFile") == 0) snprintf(answers_file, sizeof answers_file, "%s", value);
    else if (strcmp(line, "mode") == 0) is_open_loop = strcmp(value, "open") == 0;
    else if (strcmp(line, "port") == 0) port = atoi(value);
    else if (strcmp(line, "inFlight") == 0) in_flight = atoi(value);
    else if (strcmp(line, "rate") == 0) rate = atof(value);
    else if (strcmp(line, "seed") == 0) seed = (uint32_t)strtoul(value, NULL, 10);
    else if (strcmp(line, "warmUpMs") == 0) warm_up_ms = atof(value);
    else if (strcmp(line, "measureMs") == 0) measure_ms = atof(value);
    else if (strcmp(line, "bids") == 0) bids = strtoull(value, NULL, 10);
    else if (strcmp(line, "first") == 0) first = strtoull(value, NULL, 10);
    else if (strcmp(line, "stride") == 0) stride = strtoull(value, NULL, 10);
  }
  free(line);
  fclose(in);
  if (port == 0 || token_count == 0 || auction_count == 0 || answers_file[0] == 0) fail("the plan is not complete");
}

static void write_answers(void) {
  FILE *out = fopen(answers_file, "w");
  if (out == NULL || fwrite(rows, sizeof(Row), row_count, out) != row_count || fclose(out) != 0) fail("%s: %s", answers_file, strerror(errno));
}

static void say_codes(const char *name, const CodeCount *counts) {
  printf("\"%s\":{", name);
  for (int i = 0; i < CODES_MAX && counts[i].count > 0; i++) printf("%s\"%s\":%llu", i == 0 ? "" : ",", counts[i].code, (unsigned long long)counts[i].count);
  printf("},");
}

static void say_counts(const char *name, const uint64_t *counts) {
  const char *comma = "";
  printf("\"%s\":[", name);
  for (uint32_t bucket = 0; bucket < BUCKETS; bucket++) {
    if (counts[bucket] == 0) continue;
    printf("%s[%llu,%llu]", comma, (unsigned long long)upper_end(bucket), (unsigned long long)counts[bucket]);
    comma = ",";
  }
  printf("],");
}

static void say_result(void) {
  printf("{\"event\":\"result\",\"generator\":\"c\",\"seconds\":%.6f,", measured_seconds);
  const struct {
    const char *name;
    uint64_t value;
  } numbers[] = {{"planned", planned},
                 {"answered", answered},
                 {"accepted", accepted},
                 {"notices", notices},
                 {"answeredTotal", row_count},
                 {"refusedTotal", refused_total},
                 {"sentTotal", sent},
                 {"unansweredTotal", sent - settled}};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) printf("\"%s\":%llu,", numbers[i].name, (unsigned long long)numbers[i].value);
  say_codes("rejected", rejected);
  say_codes("refused", refused);
  say_counts("latency", latency);
  say_counts("lag", lag);
  printf("\"cpuSeconds\":%.6f}\n", cpu_seconds);
  fflush(stdout);
}

int main(int count, char **arguments) {
  if (count != 2) fail("which plan?");
  read_plan(arguments[1]);
  // Sleeps end when they should: the default slack of 50 us would be most of the lag.
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  random_state = seed == 0 ? 1 : seed;
  next_bid = first;
  auction_at = (int)(strstr(BID_TEXT, "\"auctionId\":\"") - BID_TEXT) + 13;
  id_at = (int)(strstr(BID_TEXT, "\"id\":") - BID_TEXT) + 5;
  key_number_at = (int)(strstr(BID_TEXT, KEY_PREFIX) - BID_TEXT) + (int)strlen(KEY_PREFIX);
  amount_at = (int)(strstr(BID_TEXT, "\"amountMinor\":") - BID_TEXT) + 14;
  size_t slots_max = is_open_loop ? OPEN_IN_FLIGHT_MAX : (size_t)token_count * (size_t)in_flight;
  one_each = slots_max <= auction_count;
  slots = room(slots_max, sizeof(Slot));
  free_slots = room(slots_max, sizeof(uint32_t));
  ring = room(auction_count, sizeof(uint32_t));
  for (uint32_t index = 0; index < auction_count; index++) ring[index] = index;
  ring_free = auction_count;
  sockets = room(token_count, sizeof(Socket));
  dirty = room((size_t)token_count * 2, sizeof(uint32_t));
  epoll_fd = epoll_create1(0);
  for (uint32_t index = 0; index < token_count; index++) open_socket(index);
  run();
  write_answers();
  say_result();
  return 0;
}
