"""Work for the processor alone: prints the seconds it took."""

import time


def primes(limit):
    sieve = [True] * limit
    for number in range(2, int(limit**0.5) + 1):
        if sieve[number]:
            for multiple in range(number * number, limit, number):
                sieve[multiple] = False
    return [number for number in range(2, limit) if sieve[number]]


def words(count):
    table = {}
    for number in range(count):
        key = "k%d" % (number % 997)
        table[key] = table.get(key, 0) + number
    return sorted(table.items())


begin = time.perf_counter()
primes(250_000)
words(150_000)
print(time.perf_counter() - begin)
