"""Tours through some nodes of a network, from a source and back: is there one within a length, and which earns the most?

Distances are whole numbers of edges. Kernels can't allocate, so they write on what they are given.
"""

from __future__ import annotations

import numpy as np

from ...core import rng
from ...core.jit import jit

SCALE = 1 << 10
"""Costs are counted in fractions of an edge, so that prices are whole numbers and every comparison is exact."""

ASCENTS = 500
"""Steps towards the best prices, unless they decide before. Each costs n^2; fewer leave more to a search that costs 2^n."""

AFRESH = 0.2
"""How often the local search gives up a tour wholly."""

SCRATCH_ROWS = 9
"""`tour_within` writes on a scratch of this many rows of (stops + 2) numbers."""


@jit
def tabulate(hops, source, walk, most, lengths, table):
    """Set the bit of every set of up to `most` nodes that a closed walk of up to `walk` edges from the source can visit.

    Held and Karp's dynamic programme: `lengths` (2^J, J) is the fewest edges from the source through a set to its member j.
    """
    J = hops.shape[0]
    table[0] |= np.uint64(1)
    for chosen in range(1, lengths.shape[0]):
        count = 0
        for j in range(J):
            count += chosen >> j & 1
        if count > most:
            continue
        back = walk + 1
        for j in range(J):
            if chosen >> j & 1:
                before = chosen ^ (1 << j)
                fewest = hops[source, j] if before == 0 else walk + 1
                for i in range(J):
                    if before >> i & 1:
                        fewest = min(fewest, lengths[before, i] + hops[i, j])
                lengths[chosen, j] = min(fewest, walk + 1)
                back = min(back, fewest + hops[j, source])
        if back <= walk:
            table[chosen >> 6] |= np.uint64(1) << np.uint64(chosen & 63)


@jit
def tour_within(hops, source, walk, stops, scratch):
    """Whether a tour from the source through the stops, the first `stops` numbers of the scratch, has at most `walk` edges.

    Exact. An insertion tour often answers yes, and Held and Karp's bound (1970) no: the least 1-tree at prices for the
    degrees of the nodes. What lies between is searched depth first, with spanning trees at the same prices as bound.
    """
    n = stops
    width = scratch.shape[0] // SCRATCH_ROWS
    node = scratch[:width]
    for i in range(n):
        if 2 * hops[source, node[i]] > walk:
            return False
    if n <= 1:
        return True
    node[n] = source
    if _insertion_length(hops, node, n, scratch[width : 2 * width]) <= walk:
        return True
    if n == 2:
        return False  # there was but one tour
    price, best = scratch[width : 2 * width], scratch[2 * width : 3 * width]
    verdict = _ascend(hops, node, n, walk, price, best, scratch[3 * width :], width)
    if verdict != 0:
        return verdict > 0
    return _branch(hops, node, n, walk, best, scratch[3 * width :], width)


@jit
def tour_found(hops, source, walk, stops, scratch):
    """Whether insertion and 2-opt find a tour within the walk, for the same arguments; a no proves nothing."""
    n = stops
    width = scratch.shape[0] // SCRATCH_ROWS
    node, tour = scratch[:width], scratch[width : 2 * width]
    for i in range(n):
        if 2 * hops[source, node[i]] > walk:
            return False
    if n <= 1:
        return True
    node[n] = source
    return _insertion_length(hops, node, n, tour) <= walk or _shorten(hops, source, tour, n) <= walk


@jit
def _insertion_length(hops, node, n, tour):
    """Length of the tour that takes up the stops one by one, the farthest from the source first, each where it costs least.

    Reorders the stops in `node`, by that distance.
    """
    source = node[n]
    for i in range(1, n):
        stop, k = node[i], i
        while k > 0 and hops[source, node[k - 1]] < hops[source, stop]:
            node[k] = node[k - 1]
            k -= 1
        node[k] = stop
    length = 0
    for i in range(n):
        stop = node[i]
        where, least = _cheapest_place(hops, source, tour, i, stop)
        for k in range(i, where, -1):
            tour[k] = tour[k - 1]
        tour[where] = stop
        length += least
    return length


@jit
def _cheapest_place(hops, source, tour, n, stop):
    """Where in a tour of n stops one more stop makes it least longer, and by how much."""
    where, least = 0, 0
    for k in range(n + 1):
        a = source if k == 0 else tour[k - 1]
        b = source if k == n else tour[k]
        longer = hops[a, stop] + hops[stop, b] - hops[a, b]
        if k == 0 or longer < least:
            where, least = k, longer
    return where, least


@jit
def _cost(hops, node, price, a, b):
    """Of the edge between nodes number a and b of this tour, with their prices."""
    return SCALE * hops[node[a], node[b]] + price[a] + price[b]


@jit
def _ascend(hops, node, n, walk, price, best, scratch, width):
    """Raise the bound: 1 if the tour is within the walk, -1 if it can't be, 0 if that stays open, with `best` prices."""
    degree, near, link = scratch[:width], scratch[width : 2 * width], scratch[2 * width : 3 * width]
    for i in range(n + 1):
        price[i] = best[i] = 0
    highest = -1
    for _ in range(ASCENTS):
        bound = 0
        for i in range(n + 1):
            degree[i] = 0
            bound -= 2 * price[i]
        # The least spanning tree of the stops (Prim), and the two cheapest edges to the source.
        for i in range(1, n):
            near[i], link[i] = _cost(hops, node, price, 0, i), 0
        for _ in range(n - 1):
            nearest = -1
            for i in range(1, n):
                if link[i] >= 0 and (nearest < 0 or near[i] < near[nearest]):
                    nearest = i
            bound += near[nearest]
            degree[nearest] += 1
            degree[link[nearest]] += 1
            link[nearest] = -1
            for i in range(1, n):
                if link[i] >= 0 and _cost(hops, node, price, nearest, i) < near[i]:
                    near[i], link[i] = _cost(hops, node, price, nearest, i), nearest
        first, second = 0, 1
        if _cost(hops, node, price, 1, n) < _cost(hops, node, price, 0, n):
            first, second = 1, 0
        for i in range(2, n):
            cost = _cost(hops, node, price, i, n)
            if cost < _cost(hops, node, price, first, n):
                first, second = i, first
            elif cost < _cost(hops, node, price, second, n):
                second = i
        bound += _cost(hops, node, price, first, n) + _cost(hops, node, price, second, n)
        degree[first] += 1
        degree[second] += 1
        if bound > walk * SCALE:
            return -1
        if bound > highest or highest < 0:
            highest = bound
            for i in range(n):
                best[i] = price[i]
        unevenness = 0
        for i in range(n):
            unevenness += (degree[i] - 2) ** 2
        if unevenness == 0:
            return 1  # the 1-tree is a tour
        step = max(1, ((walk + 1) * SCALE - bound) // unevenness)
        for i in range(n):
            price[i] += step * (degree[i] - 2)
    return 0


@jit
def _branch(hops, node, n, walk, price, scratch, width):
    """Whether any order of the stops is within the walk: depth first, cut off by what the rest must cost at least."""
    order, tried, spent = scratch[:width], scratch[width : 2 * width], scratch[2 * width : 3 * width]
    used, near, link = scratch[3 * width : 4 * width], scratch[4 * width : 5 * width], scratch[5 * width : 6 * width]
    limit = walk * SCALE
    for i in range(n):
        used[i] = 0
        limit += 2 * price[i]
    depth = 0
    order[0], tried[0], spent[0] = n, 0, 0
    while depth >= 0:
        i = tried[depth]
        if i == n:
            if depth > 0:
                used[order[depth]] = 0
            depth -= 1
            continue
        tried[depth] += 1
        if used[i]:
            continue
        cost = spent[depth] + _cost(hops, node, price, order[depth], i)
        if depth + 1 == n:
            if cost + _cost(hops, node, price, i, n) <= limit:
                return True
            continue
        if cost + _rest(hops, node, n, price, i, used, near, link) <= limit:
            used[i] = 1
            depth += 1
            order[depth], tried[depth], spent[depth] = i, 0, cost
    return False


@jit
def _rest(hops, node, n, price, here, used, near, link):
    """At least so much does it cost to go from `here` through all unused stops to the source: a spanning tree, and an edge."""
    last, open_stops = 0, 0
    for i in range(n):
        link[i] = not used[i] and i != here
        if link[i]:
            open_stops += 1
            near[i] = _cost(hops, node, price, here, i)
            home = _cost(hops, node, price, i, n)
            if open_stops == 1 or home < last:  # the first, or a cheaper one; prices can make a cost negative
                last = home
    total = last
    for _ in range(open_stops):
        nearest = -1
        for i in range(n):
            if link[i] and (nearest < 0 or near[i] < near[nearest]):
                nearest = i
        total += near[nearest]
        link[nearest] = 0
        for i in range(n):
            if link[i]:
                near[i] = min(near[i], _cost(hops, node, price, nearest, i))
    return total


# --- the most valuable tour: a local search -------------------------------------------------------------------------------


@jit
def search_tour(hops, source, walk, most, values, rounds, random, scratch, chosen, best):
    """Mark in `best` (J,) up to `most` stops of a tour within the walk that earn much: iterated local search.

    Again and again a stretch of the tour is given up, or all of it for a tour by way of some other stop; it is filled and
    improved anew, and what is better stays (as in Vansteenwegen et al., 2009, for the orienteering problem). `random` (1,) is
    the generator's counter, `scratch` (3, most + 1) and `chosen` (J,) are written on.
    """
    tour, kept, trial = scratch[0], scratch[1], scratch[2]
    n, length, top, count = 0, 0, -1.0, 0
    for i in range(values.shape[0]):
        chosen[i] = 0
    if values[source] > 0.0:  # always on the way
        chosen[source] = 1
        tour[0] = source
        n = 1
    for _ in range(rounds):
        n, length = _improve(hops, source, walk, most, values, random, tour, trial, n, length, chosen)
        worth = 0.0
        for k in range(n):
            worth += values[tour[k]]
        if worth > top + 1e-12:
            top, count = worth, n
            for k in range(n):
                kept[k] = tour[k]
        elif rng.uniform(random, 0) < 0.5:  # go on from the best
            for k in range(n):
                chosen[tour[k]] = 0
            n = count
            for k in range(n):
                tour[k] = kept[k]
                chosen[tour[k]] = 1
        if n == 0:
            break
        afresh = rng.uniform(random, 0) < AFRESH
        stretch = n if afresh else 1 + rng.integer(random, 0, max(1, n // 2))
        begin = rng.integer(random, 0, n)
        left = 0
        for k in range(n):
            if (k - begin) % n < stretch:
                chosen[tour[k]] = 0
            else:
                tour[left] = tour[k]
                left += 1
        n = left
        j = rng.integer(random, 0, values.shape[0])
        if afresh and values[j] > 0.0 and 2 * hops[source, j] <= walk:  # by way of some place that may be far away
            tour[0] = j
            chosen[j] = 1
            n = 1
        length = _length(hops, source, tour, n)
    for k in range(count):
        best[kept[k]] = 1


@jit
def _length(hops, source, tour, n):
    if n == 0:
        return 0
    total = hops[source, tour[0]] + hops[tour[n - 1], source]
    for k in range(1, n):
        total += hops[tour[k - 1], tour[k]]
    return total


@jit
def _improve(hops, source, walk, most, values, random, tour, trial, n, length, chosen):
    """Fill the tour, shorten it, exchange stops, as long as that helps. Returns its number of stops and its length."""
    weight = rng.uniform(random, 0)  # how much a detour counts against a value
    while True:
        n, length = _fill(hops, source, walk, most, values, weight, tour, n, length, chosen)
        shorter = _shorten(hops, source, tour, n)
        if shorter < length:
            length = shorter
            continue
        changed, length = _exchange(hops, source, walk, values, tour, trial, n, length, chosen)
        if not changed:
            return n, length


@jit
def _fill(hops, source, walk, most, values, weight, tour, n, length, chosen):
    """Add stops that still fit, the best for its detour first."""
    while n < most:
        best, best_score, best_where, best_longer = -1, 0.0, 0, 0
        for j in range(values.shape[0]):
            if values[j] > 0.0 and not chosen[j] and 2 * hops[source, j] <= walk:
                where, longer = _cheapest_place(hops, source, tour, n, j)
                score = values[j] / (1.0 + weight * longer)
                if length + longer <= walk and score > best_score:
                    best, best_score, best_where, best_longer = j, score, where, longer
        if best < 0:
            break
        for k in range(n, best_where, -1):
            tour[k] = tour[k - 1]
        tour[best_where] = best
        chosen[best] = 1
        n += 1
        length += best_longer
    return n, length


@jit
def _shorten(hops, source, tour, n):
    """Reverse stretches of the tour as long as that makes it shorter (2-opt). Returns its length."""
    again = True
    while again:
        again = False
        for i in range(n - 1):
            for k in range(i + 1, n):
                a = source if i == 0 else tour[i - 1]
                b = source if k == n - 1 else tour[k + 1]
                if hops[a, tour[k]] + hops[tour[i], b] < hops[a, tour[i]] + hops[tour[k], b]:
                    low, high = i, k
                    while low < high:
                        tour[low], tour[high] = tour[high], tour[low]
                        low += 1
                        high -= 1
                    again = True
    return _length(hops, source, tour, n)


@jit
def _exchange(hops, source, walk, values, tour, trial, n, length, chosen):
    """The best exchange of one stop for one that is worth more. Returns whether there was one, and the length."""
    gain, out, into, place, after = 1e-12, -1, -1, 0, length
    for k in range(n):
        for i in range(n - 1):
            trial[i] = tour[i] if i < k else tour[i + 1]
        rest = _length(hops, source, trial, n - 1)
        for j in range(values.shape[0]):
            if not chosen[j] and values[j] - values[tour[k]] > gain:
                where, longer = _cheapest_place(hops, source, trial, n - 1, j)
                if rest + longer <= walk:
                    gain, out, into, place, after = values[j] - values[tour[k]], k, j, where, rest + longer
    if into < 0:
        return False, length
    chosen[tour[out]] = 0
    chosen[into] = 1
    for i in range(out, n - 1):
        tour[i] = tour[i + 1]
    for i in range(n - 1, place, -1):
        tour[i] = tour[i - 1]
    tour[place] = into
    return True, after
