#pragma once

namespace pml::wire {

/// Python source that runs an installed entry point as the script that pip generates for it would.
/// Run as `-c CODE [DIST[==VERSION]:[GROUP:]]NAME ARG…`. sys.argv[0] becomes the path of the
/// script called NAME in PATH, sys.path[0] its folder; where there is no such script, NAME, and no
/// folder. Cold and warm starts run this very text.
inline constexpr char k_entry_point_code[] = R"python(import sys
def _pml_entry_point():
    import os
    spec = sys.argv[1]
    *place, name = spec.split(":", 2)
    wanted, group = (place + ["", ""])[:2]
    group = group or "console_scripts"
    dist, _, version = wanted.partition("==")
    script = None
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(folder, name)
        if "/" not in name and os.path.isfile(path) and os.access(path, os.X_OK):
            script = path
            break
    if not sys.flags.safe_path:
        del sys.path[0]
        if script:
            sys.path.insert(0, os.path.dirname(os.path.realpath(script)))
    sys.argv[:] = [script or name] + sys.argv[2:]
    from importlib import metadata
    try:
        found = metadata.distribution(dist) if dist else metadata
        if version and found.version != version:
            sys.exit(f"pml: {dist} is installed as {found.version}, not {version}")
        points = found.entry_points if dist else found.entry_points()
        points = [p for p in points.select(group=group) if p.name == name]
    except metadata.PackageNotFoundError:
        sys.exit(f"pml: no distribution is called {dist}")
    if not points:
        sys.exit(f"pml: no entry point is called {name} in {group}" + (f" of {dist}" if dist else ""))
    return points[0].load()
_pml_entry_point = _pml_entry_point()
if __name__ == "__main__":
    sys.exit(_pml_entry_point())
)python";

}  // namespace pml::wire
