# fish completion for pml
function __pml_ask
    set -l profile
    set -l words (commandline -opc)
    for i in (seq 2 (count $words))
        if contains -- $words[$i] -p --profile; and test $i -lt (count $words)
            set profile -p $words[(math $i + 1)]
        end
    end
    pmlctl $profile complete $argv 2>/dev/null
end
complete -c pml -s p -l profile -x -a "(__pml_ask profiles)" -d "The pool to use"
complete -c pml -s m -x -a "(__pml_ask modules (commandline -ct))" -d "Module"
complete -c pml -s e -l entry-point -x -a "(__pml_ask entry-points)" -d "Entry point"
complete -c pml -s c -x -d "Source text"
complete -c pml -l socket -r -F -d "Socket of the service"
complete -c pml -l no-fallback -d "Fail where python3 would have to be executed"
complete -c pml -l venv -d "The pool of the virtual environment"
complete -c pml -l wait -d "Wait for a pool that is warming up"
complete -c pml -l detach -d "Start the program and return at once"
complete -c pml -l help -d "Print a summary"
complete -c pml -l version -d "Print the version"
