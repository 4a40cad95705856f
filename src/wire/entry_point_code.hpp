#pragma once

#include <string_view>

namespace pml::wire {

/// Python source that runs an installed entry point as the script that pip generates for it would.
/// Run as `-c CODE [DIST[==VERSION]:[GROUP:]]NAME ARG…`. sys.argv[0] becomes the path of the
/// script called NAME in PATH, sys.path[0] its folder; where there is no such script, NAME, and no
/// folder. Cold and warm starts run this very text; a warm one finds the zygote's index in the
/// global
/// `_pml_index`, and takes it where it still holds.
inline constexpr char k_entry_point_code[] = R"python(import os, sys
def _pml_normal(name):
    for other in "-.":
        name = name.replace(other, "_")
    while "__" in name:
        name = name.replace("__", "_")
    return name.lower()
def _pml_lines(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return [line.strip() for line in file]
    except OSError:
        return []
def _pml_stamp(path):
    try:
        return os.stat(path or ".").st_mtime_ns
    except OSError:
        return None
def _pml_index_of(folders):
    points, seen = {}, set()
    for folder in folders:
        try:
            items = sorted(os.listdir(folder or "."))
        except OSError:
            continue
        for item in items:
            stem, _, kind = item.rpartition(".")
            dist = _pml_normal(stem.partition("-")[0])
            if kind not in ("dist-info", "egg-info") or dist in seen:
                continue
            seen.add(dist)
            path, group = os.path.join(folder, item), None
            text = os.path.join(path, "entry_points.txt")
            stamp = _pml_stamp(text)
            for line in _pml_lines(text) if stamp else ():
                if line[:1] == "[" and line[-1:] == "]":
                    group = line[1:-1].strip()
                elif group and line[:1] not in ("", "#", ";"):
                    name, sign, value = line.partition("=")
                    if sign:
                        points.setdefault((group, name.strip()), []).append((dist, path, stamp, value.strip()))
    return [(folder, _pml_stamp(folder)) for folder in folders], points
def _pml_entry_point():
    *place, name = sys.argv[1].split(":", 2)
    wanted, group = (place + ["", ""])[:2]
    group = group or "console_scripts"
    dist, _, version = wanted.partition("==")
    script = None
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(folder, name)
        if "/" not in name and os.path.isfile(path) and os.access(path, os.X_OK):
            script = path
            break
    safe_path = getattr(sys.flags, "safe_path", False)
    if not safe_path:
        del sys.path[0]
    stamps, points = globals().pop("_pml_index", None) or _pml_index_of(sys.path)
    if stamps != [(folder, _pml_stamp(folder)) for folder in sys.path]:
        stamps, points = _pml_index_of(sys.path)
    if script and not safe_path:
        sys.path.insert(0, os.path.dirname(os.path.realpath(script)))
    sys.argv[:] = [script or name] + sys.argv[2:]
    value = None
    for owner, folder, stamp, text in points.get((group, name), ()):
        if dist and owner != _pml_normal(dist) or stamp != _pml_stamp(os.path.join(folder, "entry_points.txt")):
            continue
        if version:
            lines = _pml_lines(os.path.join(folder, "METADATA")) or _pml_lines(os.path.join(folder, "PKG-INFO"))
            if "Version: " + version not in lines:
                sys.exit(f"pkg_resources.DistributionNotFound: The '{wanted}' distribution was not found and is required by the application")
        value = text
        break
    if value is None:
        from importlib import metadata
        try:
            found = metadata.distribution(dist) if dist else metadata
            if version and found.version != version:
                sys.exit(f"pkg_resources.DistributionNotFound: The '{wanted}' distribution was not found and is required by the application")
            every = found.entry_points if dist else found.entry_points()
            if hasattr(every, "select"):
                every = every.select(group=group)
            elif isinstance(every, dict):
                every = every.get(group, ())
            values = [point.value for point in every if point.group == group and point.name == name]
        except metadata.PackageNotFoundError:
            sys.exit(f"importlib.metadata.PackageNotFoundError: No package metadata was found for {dist}")
        if not values:
            sys.exit(f"ImportError: Entry point {(group, name)!r} not found")
        value = values[0]
    module, _, names = value.partition("[")[0].partition(":")
    module = module.strip()
    __import__(module)
    result = sys.modules[module]
    for name in filter(None, names.strip().split(".")):
        result = getattr(result, name)
    return result
_pml_entry_point = _pml_entry_point()
if __name__ == "__main__":
    del os, _pml_normal, _pml_lines, _pml_stamp, _pml_index_of
    sys.exit(_pml_entry_point())
)python";

/// The part of it that defines `_pml_index_of(folders)`: the entry points of the distributions in
/// these folders of sys.path, with what tells whether that is out of date. A zygote runs it once.
[[nodiscard]] inline std::string_view entry_point_functions() noexcept {
  const std::string_view code(k_entry_point_code);
  return code.substr(0, code.find("def _pml_entry_point"));
}

}  // namespace pml::wire
