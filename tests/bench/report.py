# SPDX-License-Identifier: MIT
"""What the rounds come to, as text."""
import samples
def table(results, systems):
    names = {s.key: s.name for s in systems}
    for key, of in results.rounds.items():
        print(key)
        for system, rounds in of.items():
            s = samples.over_rounds(rounds)
            print(f"   {names[system]:20} {s['median']:9.1f} {s['p99']:9.1f} {s['max']:9.1f} {s['ops']:9.0f} {s['failed']} {s['wrong']} {s['overlap']}", f"{samples.ratio(rounds, of['diskcache']):.2f}" if 'diskcache' in of else '')
