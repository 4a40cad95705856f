function __pml_profiles
    pmlctl --json list 2>/dev/null | string match -ar '"profile":"([^"]*)"' --groups-only
end
complete -c pml -s p -l profile -x -a "(__pml_profiles)" -d "profile"
complete -c pml -s m -x -a "(python3 -c 'import pkgutil
for m in pkgutil.iter_modules(): print(m.name)')" -d "module"
complete -c pml -s e -l entry-point -x -a "(python3 -c 'import importlib.metadata as m
for e in m.entry_points(group=\"console_scripts\"): print(e.name)')" -d "entry point"
complete -c pml -s c -x -d "code"
complete -c pml -l socket -r -d "socket of the service"
complete -c pml -l no-fallback -d "never execute python3"
complete -c pml -l wait -d "wait for a warm pool"
complete -c pml -l detach -d "return at once"
complete -c pml -l help -d "help"
complete -c pml -l version -d "version"
